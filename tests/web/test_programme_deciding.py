"""Pages of those whom a request waits for: check, answer, decide line by line, ask, step aside."""

from typing import Any

import pytest

from allocations.programme import services
from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    Message,
    RequestLine,
    Track,
    TrackStep,
    TrackVersion,
    WaitingEntry,
)
from allocations.programme.steps import PASS
from datacenters.models import SiteRole
from portal.notices.models import Notice
from tests.cast import Cast, person, site
from tests.requesting import HOUR, asked, fund, submitted
from tests.web.test_programme_pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


@pytest.fixture
def standard(cast: Cast) -> AllocationRequest:
    return services.request_submit(actor=cast.pi, request=asked(cast, 1_000))


@pytest.fixture
def decidable(cast: Cast, standard: AllocationRequest) -> AllocationRequest:
    services.consent_answer(actor=cast.site_manager, request=standard, site=cast.site, given=True)
    return AllocationRequest.objects.get(pk=standard.pk)


def test_the_clock_says_who_holds_it(cast: Cast, web: Any, standard: AllocationRequest) -> None:
    page = text(web(cast.pi).get(f"/requests/{standard.code}/"))
    assert "Where it stands" in page
    assert "Waits for" in page
    assert "silence until" in page


def test_a_site_answers_for_itself(cast: Cast, web: Any, standard: AllocationRequest) -> None:
    address = f"/requests/{standard.code}/consent/{cast.site.code}/"
    assert web(cast.outsider).get(address).status_code == 404
    assert web(cast.council).get(address).status_code == 403
    manager = web(cast.site_manager)
    refused = manager.post(address, {"given": "no"})
    assert refused.status_code == 422
    assert "Say why the site" in text(refused)
    assert manager.post(address, {"given": "yes"}).status_code == 302
    assert standard.consents.get().state == "given"


def test_decided_line_by_line(cast: Cast, web: Any) -> None:
    elsewhere = site("uet")
    fund(elsewhere)
    draft = asked(cast, 600)
    RequestLine.objects.create(request=draft, position=1, resource=elsewhere, gpu_seconds=400 * HOUR)
    request = services.request_submit(actor=cast.pi, request=draft)
    for consent in request.consents.all():
        consent.state = "given"
        consent.store("state")
    step = request.steps.get(state="open")
    services.step_finish(step, PASS)
    services.steps_advance(request)
    client = web(cast.council)
    page = text(client.get(f"/requests/{request.code}/decide/"))
    assert page.count("GPU-hours asked for") == 2
    body = {"outcome": "approved", "gpu_hours_0": "600", "gpu_hours_1": "100"}
    short = client.post(f"/requests/{request.code}/decide/", body)
    assert short.status_code == 422
    assert "Say why it is less" in text(short)
    done = client.post(f"/requests/{request.code}/decide/", {**body, "reason": "To begin with."})
    assert done.status_code == 302
    granted = request.decisions.get().lines.order_by("line__position").values_list("gpu_seconds", flat=True)
    assert list(granted) == [600 * HOUR, 100 * HOUR]


def test_a_site_that_was_never_asked_is_asked(
    cast: Cast, web: Any, api: Any, decidable: AllocationRequest
) -> None:
    elsewhere, third = site("uet"), site("itu")
    manager = person("uet-manager")
    SiteRole.objects.create(site=elsewhere.site, user=manager, role=SiteRole.Role.MANAGER)
    address = f"/requests/{decidable.code}/ask-site/"
    assert web(cast.outsider).get(address).status_code == 404
    assert web(cast.pi).post(address, {"site": "uet"}).status_code == 403
    assert web(manager).get(f"/requests/{decidable.code}/").status_code == 404
    council = web(cast.council)
    assert address in text(council.get(f"/requests/{decidable.code}/decide/"))
    asked_page = text(council.get(address))
    assert str(elsewhere.site) in asked_page
    assert f'value="{cast.site.code}"' not in asked_page
    assert council.post(address, {"site": "uet"}).status_code == 302
    assert Notice.objects.filter(user=manager, kind="request_waits").count() == 1
    answer = f"/requests/{decidable.code}/consent/uet/"
    assert web(manager).post(answer, {"given": "yes"}).status_code == 302
    assert decidable.consents.get(site=elsewhere.site).state == "given"
    where = f"/api/v1/requests/{decidable.code}/ask-site/"
    assert api(cast.outsider).post(where, {"site": "itu"}).status_code == 404
    assert api(cast.pi).post(where, {"site": "itu"}).status_code == 403
    assert api(cast.council).post(where, {"site": "itu"}).status_code == 200
    again = api(cast.council).post(where, {"site": "itu"})
    assert (again.status_code, again.json()["code"]) == (409, "illegal_state")
    assert decidable.consents.get(site=third.site).state == "asked"


def test_what_was_read_is_what_is_decided(cast: Cast, web: Any, api: Any) -> None:
    request = submitted(cast)
    services.request_return(actor=cast.admin, request=request, reason="Which model?")
    request.refresh_from_db()
    services.request_submit(actor=cast.pi, request=request)
    late = {"outcome": "declined", "reason": "Too vague.", "round": 1}
    council = web(cast.council)
    page = council.post(f"/requests/{request.code}/decide/", late)
    assert page.status_code == 409
    assert "handed in anew" in text(page)
    assert 'name="round" value="2"' in text(page), "as it stands now"
    assert "Too vague." in text(page), "the words are kept"
    told = api(cast.council).post(f"/api/v1/requests/{request.code}/decide/", late)
    assert (told.status_code, told.json()["code"]) == (409, "other_round")
    assert 'name="round" value="2"' in text(council.get(f"/requests/{request.code}/decide/"))
    assert council.post(f"/requests/{request.code}/decide/", {**late, "round": 2}).status_code == 302


def test_what_was_read_is_what_a_site_answers(cast: Cast, web: Any, standard: AllocationRequest) -> None:
    services.request_return(actor=cast.admin, request=standard, reason="Which model?")
    standard.refresh_from_db()
    services.request_submit(actor=cast.pi, request=standard)
    late = {"given": "no", "reason": "Full until May.", "round": 1}
    address = f"/requests/{standard.code}/consent/{cast.site.code}/"
    page = web(cast.site_manager).post(address, late)
    assert page.status_code == 409
    assert "handed in anew" in text(page)
    assert 'name="round" value="2"' in text(page)
    assert "Full until May." in text(page)
    assert set(standard.consents.filter(round=2).values_list("state", flat=True)) == {"asked"}
    assert web(cast.site_manager).post(address, {**late, "round": 2}).status_code == 302


def test_one_line_twice_names_the_field(cast: Cast, api: Any) -> None:
    request = submitted(cast)
    lines = [{"line": 1, "gpu_hours": "40"}, {"line": 1, "gpu_hours": "40"}]
    body = {"outcome": "approved", "reason": "So.", "lines": lines}
    told = api(cast.council).post(f"/api/v1/requests/{request.code}/decide/", body, format="json")
    assert (told.status_code, told.json()["errors"][0]["field"]) == (400, "lines")
    assert not request.decisions.exists()


def test_what_it_does_to_others(cast: Cast, web: Any, decidable: AllocationRequest) -> None:
    address = f"/requests/{decidable.code}/impact/"
    assert web(cast.pi).get(address).status_code == 403
    assert web(cast.outsider).get(address).status_code == 404
    assert "Nobody waits for these resources." in text(web(cast.council).get(address))
    panel = web(cast.council).get(address, headers={"HX-Request": "true"})
    assert "<html" not in text(panel)


def test_stepping_aside_ends_ones_say(cast: Cast, web: Any, decidable: AllocationRequest) -> None:
    address = f"/requests/{decidable.code}/conflict/"
    assert web(cast.pi).get(address).status_code == 403
    council = web(cast.council)
    assert council.post(address, {"severity": "real", "note": "My brother's firm."}).status_code == 302
    assert Conflict.objects.get().user == cast.council
    assert council.get(f"/requests/{decidable.code}/decide/").status_code == 404
    assert cast.project.title not in text(council.get("/requests/pending/"))


def test_questions_and_answers(cast: Cast, web: Any, standard: AllocationRequest) -> None:
    address = f"/requests/{standard.code}/thread/"
    assert web(cast.outsider).get(address).status_code == 404
    web(cast.council).post(address, {"text": "Which model?", "audience": "all"})
    web(cast.council).post(address, {"text": "Seems thin.", "audience": "internal"})
    web(cast.member).post(address, {"text": "Whisper.", "audience": "internal"})
    seen = text(web(cast.pi).get(address))
    assert "Which model?" in seen
    assert "Whisper." in seen
    assert "Seems thin." not in seen
    assert "Seems thin." in text(web(cast.admin).get(address))
    assert Message.objects.get(text="Whisper.").audience == "all"


def test_the_same_over_the_api(cast: Cast, api: Any, standard: AllocationRequest) -> None:
    one = f"/api/v1/requests/{standard.code}/"
    assert api(cast.pi).get(one).json()["clock"]["holder"] == str(cast.site)
    assert api(cast.outsider).post(f"{one}consent/", {}, format="json").status_code == 404
    answer = {"site": cast.site.code, "given": True}
    assert api(cast.council).post(f"{one}consent/", answer, format="json").status_code == 403
    assert api(cast.site_manager).post(f"{one}consent/", answer, format="json").status_code == 200
    asked_back = api(cast.council).post(f"{one}messages/", {"text": "Which model?"}, format="json")
    assert asked_back.status_code == 201
    assert api(cast.pi).get(f"{one}messages/").json()["results"][0]["text"] == "Which model?"
    grants = {"outcome": "approved", "lines": [{"line": 1, "gpu_hours": "900"}], "reason": "Enough."}
    wrong = {**grants, "lines": [{"line": 2, "gpu_hours": "900"}]}
    assert api(cast.council).post(f"{one}decide/", wrong, format="json").status_code == 400
    decided = api(cast.council).post(f"{one}decide/", grants, format="json").json()
    assert (decided["state"], decided["decisions"][0]["gpu_seconds"]) == ("approved", 900 * HOUR)
    assert decided["decisions"][0]["reason_code"] == "in_part"


def test_the_first_of_two_approvals_is_no_news_for_the_project(cast: Cast, web: Any, api: Any) -> None:
    track = Track.objects.create(code="two", name_en="Two", name_ur="دو", position=98)
    version = TrackVersion.objects.create(track=track, number=1, by_choice=True)
    TrackStep.objects.create(
        version=version, position=0, kind="decision", roles=["admin", "council"], persons=2
    )
    request = submitted(cast, track=track)
    services.request_approve(actor=cast.council, request=request, conditions="Only at night.")
    page, one = f"/requests/{request.code}/", f"/api/v1/requests/{request.code}/"
    for reader, words in ((cast.pi, 0), (cast.admin, 1)):
        shown = text(web(reader).get(page)) + text(web(reader).get(f"{page}history/"))
        assert ("Only at night." in shown, "Approved by a first person" in shown) == (words > 0, words > 0)
        assert len(api(reader).get(one).json()["decisions"]) == words
        listed = api(reader).get("/api/v1/requests/").json()["results"][0]
        assert len(listed["decisions"]) == words
    services.request_approve(actor=cast.admin, request=request)
    assert "Only at night." in text(web(cast.pi).get(page))
    assert len(api(cast.pi).get(one).json()["decisions"]) == 2


def test_a_place_on_the_waiting_list_is_given_up(cast: Cast, web: Any, api: Any) -> None:
    for row in cast.resource.capacities.all():
        row.gpu_seconds = 0
        row.store("gpu_seconds")
    fund(cast.resource)
    for by_page in (True, False):
        request = submitted(cast)
        services.request_approve(actor=cast.council, request=request, wait=True)
        entry = WaitingEntry.objects.latest("id")
        page, one = f"/requests/{request.code}/", f"/api/v1/requests/{request.code}/"
        assert "Leave the waiting list" in text(web(cast.pi).get(page))
        assert "Leave the waiting list" not in text(web(cast.member).get(page))
        assert api(cast.pi).get(one).json()["decisions"][0]["lines"][0]["waiting_entry"] == entry.code
        button, sent = f"{page}waiting/{entry.code}/withdraw/", {"entry": entry.code}
        for who, answer in ((cast.outsider, 404), (cast.member, 403)):
            assert web(who).post(button).status_code == answer
            assert api(who).post(f"{one}leave-waiting-list/", sent, format="json").status_code == answer
        entry.refresh_from_db()
        assert entry.state == "waiting"
        if by_page:
            assert web(cast.pi).post(button).status_code == 302
        else:
            assert api(cast.pi).post(f"{one}leave-waiting-list/", sent, format="json").status_code == 200
        entry.refresh_from_db()
        assert entry.state == "withdrawn"
        assert "Leave the waiting list" not in text(web(cast.pi).get(page))
