"""The pages of tracks, rubrics and calls: for everybody to read, for admins to write; deciding together."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Call, RequestLine, Rubric, Track
from portal.foundation import clock
from portal.people.models import Membership, Organisation
from tests.calling import call_text, close, drafted_call, open_call, plain_call, within
from tests.cast import Cast
from tests.requesting import HOUR, asked, fund, plain_track

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4 the call"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def typed_track(code: str = "standard", **changes: Any) -> dict[str, Any]:
    """The form of a track as its page shows it, with `changes`."""
    version = Track.objects.get(code=code).versions.latest("number")
    sent: dict[str, Any] = {
        "number": version.number,
        "max_gpu_hours": "5,000",
        "max_gpus": "8",
        "target_days": "3",
        "blind": "double",
        "rubric": version.rubric.code if version.rubric else "",
        "appeal_days": "30",
        "first_instalment_percent": "100",
        "final_report": "on",
        "note": "Sites answer faster now.",
    }
    for place, step in enumerate(version.steps.all(), start=1):
        sent |= {
            f"step-{place}-kind": step.kind,
            f"step-{place}-by": step.by,
            f"step-{place}-roles": step.roles,
            f"step-{place}-persons": step.persons,
            f"step-{place}-working_days": step.working_days,
        }
        if step.silence_consents:
            sent[f"step-{place}-silence_consents"] = "on"
    return sent | changes


def typed_call(**changes: Any) -> dict[str, Any]:
    found = call_text(**changes)
    for name in ("opens_at", "closes_at"):
        found[name] = found[name].astimezone(clock.KARACHI).strftime("%Y-%m-%dT%H:%M")
    return found | {"track": found["track"].code, "decided_by_on": found["decided_by_on"].isoformat()}


# --- For everybody ----------------------------------------------------------------------------------
def test_visitors_read_how_awards_are_decided(cast: Cast) -> None:
    visitor = Client()
    page = text(visitor.get("/tracks/"))
    assert "2 persons together: Council" in page
    assert "Site manager, within 1 working day; silence consents" in page
    services.track_change(
        actor=cast.admin,
        track=Track.objects.get(code="explore"),
        rules={"max_gpu_seconds": 100 * HOUR, "max_gpus": 8},
        steps=[{"kind": "decision", "by": "rule", "roles": ["admin"]}],
        note="The demand is high.",
    )
    page = text(visitor.get("/tracks/explore/"))
    assert "The demand is high." in page
    assert cast.admin.name not in page
    for said in ("Most GPU-hours</th> <td>200</td> <td>100</td>", "Version 2", "Version 1"):
        assert said in page
    rubric = Rubric.objects.get()
    assert "Public benefit" in text(visitor.get(rubric.get_absolute_url()))
    assert "Public benefit" in text(visitor.get(open_call(cast).get_absolute_url()))


def test_visitors_see_published_calls_only(cast: Cast) -> None:
    hidden, shown = drafted_call(cast, title_en="Hidden one"), open_call(cast)
    visitor = Client()
    page = text(visitor.get("/calls/"))
    assert shown.title_en in page
    assert "Hidden one" not in page
    assert visitor.get(hidden.get_absolute_url()).status_code == 404
    assert "No call fits" in text(visitor.get("/calls/?state=closed"))
    assert shown.title_en in text(visitor.get("/calls/?state=open&track=large&q=pashto"))
    page = text(visitor.get(shown.get_absolute_url()))
    assert f"/requests/new/full/?call={shown.code}" in page
    assert "Ask within this call" not in text(visitor.get(close(shown).get_absolute_url()))


def test_asking_within_a_call(cast: Cast, web: Any) -> None:
    call = open_call(cast)
    client = web(cast.pi)
    address = f"/requests/new/full/?call={call.code}"
    assert f'<option value="{call.code}" selected>' in text(client.get(address))
    sent = {"project": cast.project.code, "call": call.code, "justification": "Pashto."}
    assert client.post(address, sent).status_code == 302
    request = AllocationRequest.objects.get()
    assert request.call == call
    assert "Large" in text(client.get(f"/requests/{request.code}/edit/amounts/"))


def test_a_document_is_for_everybody_who_sees_the_call(cast: Cast, web: Any) -> None:
    call = drafted_call(cast)
    admin, address = web(cast.admin), f"{call.get_absolute_url()}documents/"
    refused = admin.post(address, {"file": SimpleUploadedFile("terms.pdf", b"<html>")})
    assert "no PDF" in text(refused)
    assert admin.post(address, {"file": SimpleUploadedFile("terms.pdf", PDF)}).status_code == 302
    document = call.documents.get()
    assert Client().get(f"{address}{document.code}/").status_code == 404
    services.call_publish(actor=cast.admin, call=call)
    reply = Client().get(f"{address}{document.code}/")
    assert b"".join(reply.streaming_content) == PDF
    assert "terms" in text(Client().get(call.get_absolute_url()))
    assert web(cast.council).post(f"{address}{document.code}/remove/").status_code == 403
    assert web(cast.admin).post(f"{address}{document.code}/remove/").status_code == 302
    assert not call.documents.exists()


# --- For admins -------------------------------------------------------------------------------------
def test_a_track_is_compared_changed_and_closed(cast: Cast, web: Any) -> None:
    client, address = web(cast.admin), "/tracks/standard/edit/"
    assert 'value="5000"' in text(client.get(address))
    page = text(client.post(address, typed_track(compare="1")))
    assert "It says the same as the version in force." in page
    page = text(client.post(address, typed_track(max_gpus="16", compare="1")))
    assert "Most GPUs at once</th> <td>8</td> <td>16</td>" in page
    track = Track.objects.get(code="standard")
    assert track.versions.count() == 1
    wrong = typed_track(max_gpus="16", **{"step-5-kind": "", "note": "Kept words."})
    refused = client.post(address, wrong)
    assert refused.status_code == 422
    assert "Put the decision last." in text(refused)
    assert "Kept words." in text(refused)
    assert 'value="16"' in text(refused)
    assert client.post(address, typed_track(max_gpus="16")).status_code == 302
    version = track.versions.latest("number")
    assert (version.number, version.max_gpus, version.steps.count()) == (2, 16, 5)
    assert "came in between" in text(client.post(address, typed_track(number="1")))
    assert client.post("/tracks/standard/open/", {"reason": "Full."}).status_code == 302
    assert "Takes no requests now" in text(client.get("/tracks/standard/"))


def test_a_rubric_is_made(cast: Cast, web: Any) -> None:
    client = web(cast.admin)
    row = {"criteria-0-code": "merit", "criteria-0-name_en": "Merit", "criteria-0-weight": "90"}
    sent = {"name_en": "Short", "criteria-total": "1", **row}
    refused = client.post("/rubrics/new/", sent)
    assert "Make them add up to 100." in text(refused)
    assert 'value="90"' in text(refused)
    more = text(client.post("/rubrics/new/", sent | {"more_criteria": "1"}))
    assert 'name="criteria-1-code"' in more
    assert client.post("/rubrics/new/", sent | {"criteria-0-weight": "100"}).status_code == 302
    assert Rubric.objects.filter(name_en="Short").exists()


def test_a_call_from_the_first_word_to_the_results(cast: Cast, web: Any) -> None:
    client = web(cast.admin)
    wrong = typed_call(closes_at=clock.now().replace(year=2020))
    refused = client.post("/calls/new/", wrong)
    assert "The cut-off comes before the opening." in text(refused)
    assert "Speech in Pashto" in text(refused)
    assert client.post("/calls/new/", typed_call(track=plain_track())).status_code == 302
    call = Call.objects.get()
    page = call.get_absolute_url()
    assert client.post(f"{page}publish/").status_code == 302
    edited = typed_call(track=plain_track(), opens_at=call.opens_at, title_en="Speech in Sindhi")
    assert client.post(f"{page}edit/", edited).status_code == 302
    sent = {"resource": cast.resource.code, "gpu_hours": "150"}
    assert client.post(f"{page}budget/", sent).status_code == 302
    assert "150" in text(client.get(page))
    services.request_approve(actor=cast.council, request=within(cast, call))
    close(Call.objects.get())
    assert client.post(f"{page}results/").status_code == 302
    told = text(Client().get(page))
    for said in (
        "Speech in Sindhi",
        cast.organisation.name,
        cast.project.title,
        "Granted as asked",
        "0 requests",
    ):
        assert said in told
    assert f">{cast.pi.name}<" not in told
    assert "0 requests were declined." in told


@pytest.mark.parametrize("who", ["council", "pi", "auditor"])
def test_nobody_else_changes_them(cast: Cast, web: Any, who: str) -> None:
    call = open_call(cast)
    client, page = web(getattr(cast, who)), call.get_absolute_url()
    for address in ("/tracks/large/edit/", "/tracks/large/open/", "/rubrics/new/", "/calls/new/"):
        assert client.get(address).status_code == 403
    for address in ("edit/", "budget/", "documents/"):
        assert client.get(f"{page}{address}").status_code == 403
    for address in ("publish/", "results/"):
        assert client.post(f"{page}{address}").status_code == 403
    assert "New call" not in text(client.get("/calls/"))


# --- Deciding together ------------------------------------------------------------------------------
def test_rows_that_fail_keep_what_was_typed(cast: Cast, web: Any) -> None:
    call = plain_call(cast)
    one, two, three = (within(cast, call) for _ in range(3))
    client, address = web(cast.council), f"{call.get_absolute_url()}decide/"
    page = text(client.get(address))
    assert all(request.code in page for request in (one, two, three))
    assert f"/reviews/panel/?call={call.code}" in page
    sent = {
        f"{one.code}-outcome": "approved",
        f"{one.code}-gpu_hours": "100",
        f"{two.code}-outcome": "approved",
        f"{two.code}-gpu_hours": "60",
        f"{three.code}-gpu_hours": "100",
    }
    refused = client.post(address, sent)
    assert refused.status_code == 422
    page = text(refused)
    assert "1 decision is recorded." in page
    assert one.code not in page
    assert "Say why it is less than was asked for" in page
    assert 'value="60"' in page
    assert client.post(address, sent | {f"{two.code}-reason": "It is enough."}).status_code == 302
    states = {each.code: each.state for each in AllocationRequest.objects.all()}
    assert states == {one.code: "approved", two.code: "approved", three.code: "submitted"}


def test_only_deciders_and_never_about_their_own(cast: Cast, web: Any) -> None:
    call = plain_call(cast)
    within(cast, call)
    address = f"{call.get_absolute_url()}decide/"
    assert web(cast.pi).get(address).status_code == 403
    assert web(cast.site_manager).get(address).status_code == 403
    Membership.objects.create(organisation=cast.organisation, user=cast.council, role="member")
    assert "Nothing to decide" in text(web(cast.council).get(address))


# --- What waits -------------------------------------------------------------------------------------
def test_site_managers_find_what_waits_for_them(cast: Cast, web: Any) -> None:
    request = services.request_submit(actor=cast.pi, request=asked(cast, 1_000))
    client = web(cast.site_manager)
    page = text(client.get("/requests/pending/"))
    assert f"/requests/{request.code}/consent/{cast.site.code}/" in page
    assert f"/requests/{request.code}/decide/" not in page
    assert client.get(f"/requests/{request.code}/consent/{cast.site.code}/").status_code == 200
    assert f"/requests/{request.code}/decide/" in text(web(cast.council).get("/requests/pending/"))
    large = services.request_submit(actor=cast.pi, request=asked(cast, 6_000, call=open_call(cast)))
    for user in (cast.site_manager, cast.admin):
        assert f"/requests/{large.code}/check/" in text(web(user).get("/requests/pending/"))
    assert web(cast.pi).get("/requests/pending/").status_code == 403


@pytest.mark.parametrize("count", [5, 50])
def test_queries(cast: Cast, web: Any, django_assert_max_num_queries: Any, count: int) -> None:
    call = plain_call(cast)
    within(cast, call)
    for number in range(count):
        open_call(cast, title_en=f"Call {number}")
    fields = AllocationRequest.objects.values().get()
    for name in ("id", "code"):
        fields.pop(name)
    multiplied = AllocationRequest.objects.bulk_create(AllocationRequest(**fields) for _ in range(count))
    RequestLine.objects.bulk_create(
        RequestLine(request=each, resource=cast.resource, gpu_seconds=HOUR) for each in multiplied
    )
    budgets = {
        "/calls/": 10,
        "/tracks/": 10,
        "/tracks/large/": 15,
        call.get_absolute_url(): 15,
        f"{call.get_absolute_url()}decide/": 15,
        "/requests/pending/": 10,
    }
    for user in (cast.admin, cast.council, cast.site_manager):
        client = web(user)
        client.get("/")  # what is kept in the cache is kept now
        for address, budget in budgets.items():
            with django_assert_max_num_queries(budget, info=f"{user} {address}"):
                reply = client.get(address)
            assert reply.status_code == (403 if user == cast.site_manager and "decide" in address else 200)


def test_the_organisation_kinds_of_a_track_are_named(cast: Cast) -> None:
    assert str(Organisation.Kind.AGENCY.label) in text(Client().get("/tracks/urgent/"))
