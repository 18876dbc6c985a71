"""Drafts that are kept by themselves: no word typed is lost, none written elsewhere overwritten unasked."""

import json
from datetime import timedelta
from typing import Any

import pytest

from allocations.programme import services
from allocations.programme.models import AllocationRequest
from allocations.projects.models import Project
from portal.foundation import clock
from tests.cast import Cast
from tests.filling import amounts, quick, text
from tests.requesting import approve, draft, fund, submitted
from tests.reviewing import invited

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def keep(client: Any, address: str, body: dict[str, str]) -> Any:
    return client.post(address, body, headers={"X-Draft": "autosave"})


def test_what_can_be_kept_is_kept(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/amounts/"
    seen = client.get(address).context["seen"]
    body = amounts(cast, seen=seen, **{"runs-0-gpus": "eight"})
    told = keep(client, address, body).json()
    assert told["kept"] == ["starts_on", "ends_on", "prior_usage", "lines"]
    assert told["seen"] != json.loads(seen)
    request.refresh_from_db()
    assert request.ends_on == clock.today() + timedelta(days=99)
    assert request.lines.count() == 2
    assert not request.runs.exists()
    told = keep(client, address, amounts(cast, seen=json.dumps(told["seen"]))).json()
    assert set(told["kept"]) == set(told["seen"])
    assert request.runs.get().gpus == 8


def test_a_newer_version_isn_t_overwritten_unasked(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    seen = client.get(address).context["seen"]
    body = {"project": cast.project.code, "justification": "Mine.", "seen": seen}
    services.request_update(actor=cast.pi, request=request, justification="Theirs.")
    assert keep(client, address, body).status_code == 409
    refused = client.post(address, body)
    assert refused.status_code == 422
    assert "changed elsewhere" in text(refused)
    assert "Mine." in text(refused)
    request.refresh_from_db()
    assert request.justification == "Theirs."
    # Who saves again after being told means it.
    assert client.post(address, {**body, "seen": refused.context["seen"]}).status_code == 302
    request.refresh_from_db()
    assert request.justification == "Mine."


def test_what_others_changed_elsewhere_in_the_step_stays(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    first = client.get(address)
    body = {"project": cast.project.code, "justification": "Mine.", "seen": first.context["seen"]}
    body["public_abstract"] = first.context["form"]["public_abstract"].value() or ""
    services.request_update(actor=cast.pi, request=request, withheld_reason="Theirs.")
    assert keep(client, address, body).status_code == 200
    request.refresh_from_db()
    assert (request.justification, request.withheld_reason) == ("Mine.", "Theirs.")


def test_words_typed_and_taken_back_leave_what_others_wrote_meanwhile(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    base = json.loads(client.get(address).context["seen"])
    body = {"project": cast.project.code, "justification": request.justification}
    services.request_update(actor=cast.pi, request=request, justification="Theirs.")
    told = keep(client, address, body | {"seen": json.dumps(base)}).json()
    assert "justification" in told["kept"]
    # The page still shows what stood there before: its next save is no wish to have that back.
    client.post(address, body | {"seen": json.dumps(base | told["seen"])})
    request.refresh_from_db()
    assert request.justification == "Theirs."


def test_a_suggestion_left_as_it_is_is_no_change(cast: Cast, web: Any) -> None:
    Project.objects.filter(pk=cast.project.pk).update(abstract="Finds retinopathy\nearly.")
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    body = {
        "project": cast.project.code,
        "justification": "Mine.",
        "public_abstract": "Finds retinopathy\r\nearly.",  # as browsers send it
        "seen": client.get(address).context["seen"],
    }
    assert "public_abstract" in keep(client, address, body).json()["kept"]
    request.refresh_from_db()
    assert (request.justification, request.public_abstract) == ("Mine.", "")
    services.request_update(actor=cast.pi, request=request, public_abstract="Theirs.")
    assert keep(client, address, body).status_code == 200
    assert client.post(address, body).status_code == 302
    request.refresh_from_db()
    assert request.public_abstract == "Theirs."


def test_a_button_takes_the_suggestion(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    body = {"project": cast.project.code, "public_abstract": cast.project.abstract}
    client.post(address, body | {"seen": client.get(address).context["seen"]})
    request.refresh_from_db()
    assert request.public_abstract == cast.project.abstract


@pytest.mark.parametrize(
    "sent",
    [
        {"seen": "[" * 100_000},
        {"runs-total": "9" * 5_000},
        {"draft_id": "1-abc; path=/"},
        {"draft_id": "۱-abc"},
        {"draft_id": "a" * 61},
        {"sent": "a " * 100_000},
    ],
)
def test_what_no_page_sends_does_no_harm(cast: Cast, web: Any, sent: dict[str, str]) -> None:
    request = draft(cast)
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/amounts/", amounts(cast, **sent))
    assert reply.status_code == 302
    assert "draft_kept" not in reply.cookies


def test_a_lost_answer_is_no_newer_version(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    seen = client.get(address).context["seen"]
    begun = request.justification

    def save(words: str, name: str, unanswered: str = "") -> int:
        body = {"project": cast.project.code, "justification": words, "seen": seen}
        return keep(client, address, body | {"draft_id": name, "sent": unanswered}).status_code

    assert save("One", "a") == 200
    assert save("One two", "b", "a") == 200
    assert save("Three", "x") == 409  # somebody else
    assert save("One two", "c", "a b") == 200
    # What was sent before and comes again, or comes late, changes nothing.
    assert save("One", "a") == 200
    assert save("One two three", "e", "a b c d") == 200
    assert save("Late", "d", "a b c") == 200
    request.refresh_from_db()
    assert request.justification == "One two three"
    # Back to what it was before all that is a change too.
    assert save(begun, "f", "a b c d e") == 200
    request.refresh_from_db()
    assert request.justification == begun


def test_what_somebody_else_typed_isn_t_kept_as_mine(cast: Cast, web: Any) -> None:
    request = draft(cast)
    body = {"project": cast.project.code, "justification": "Mine.", "owner": cast.admin.code}
    assert keep(web(cast.pi), f"/requests/{request.code}/edit/", body).status_code == 403
    request.refresh_from_db()
    assert request.justification != "Mine."


def test_a_draft_begun_twice_takes_what_was_typed_between(cast: Cast, web: Any) -> None:
    client = web(cast.pi)
    body = {"project": cast.project.code, "justification": "One", "key": "k1"}
    first = client.post("/requests/new/full/", body)
    again = client.post("/requests/new/full/", body | {"justification": "One two"})
    assert again.url == first.url
    assert AllocationRequest.objects.get().justification == "One two"


def test_saving_tells_the_script_which_copy_arrived(cast: Cast, web: Any) -> None:
    request = draft(cast)
    body = {"project": cast.project.code, "justification": "X", "draft_id": "1-abc"}
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/", body)
    assert reply.cookies["draft_kept"].value == "1-abc"


@pytest.mark.parametrize(
    ("where", "changes"), [("", {}), ("", {"gpu_hours": "201", "full": "1"}), ("full/", {"ai_risk": ""})]
)
def test_so_does_beginning(cast: Cast, web: Any, where: str, changes: dict[str, str]) -> None:
    client, address = web(cast.pi), f"/requests/new/{where}"
    refused = client.post(address, quick(cast, draft_id="2-abc", project=""))
    assert (refused.status_code, "draft_kept" in refused.cookies) == (422, False)
    reply = client.post(address, quick(cast, draft_id="2-abc", **changes))
    assert reply.status_code == 302
    assert reply.cookies["draft_kept"].value == "2-abc"


# --- What stays on the device ------------------------------------------------------------------------
def test_what_is_confidential_says_so(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    for form in ("decide", "conflict"):
        assert " data-draft-private>" in text(web(cast.council).get(f"/requests/{request.code}/{form}/"))
    review = invited(cast)[0]
    assert " data-draft-private>" in text(web(cast.reviewer).get(f"/reviews/{review.code}/"))
    assert "data-draft-private" not in text(web(cast.pi).get(f"/requests/{draft(cast).code}/edit/"))


def test_what_is_over_is_told(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    address = f"/requests/{request.code}"
    over = (f'data-draft-done="decide/{request.code}"', f'data-draft-done="{address}"')
    council = web(cast.council)
    assert not [each for each in over if each in text(council.get(f"{address}/"))]
    approve(cast, request)
    assert [each for each in over if each in text(council.get(f"{address}/"))] == list(over)
    other = submitted(cast)
    council.post(f"/requests/{other.code}/conflict/", {"severity": "real", "note": "My brother's firm."})
    assert f'data-draft-done="decide/{other.code}"' in text(council.get("/requests/pending/"))


def test_reviews_that_were_left_are_over(cast: Cast, web: Any) -> None:
    review, other = invited(cast)[0], invited(cast)[0]
    client = web(cast.reviewer)
    listed = text(client.post(f"/reviews/{review.code}/recuse/", follow=True))
    assert f'data-draft-done="review" data-draft-but="{other.code}"' in listed


def test_the_regions_that_are_read_out_are_there_before_they_speak(cast: Cast, web: Any) -> None:
    page = text(web(cast.pi).get(f"/requests/{draft(cast).code}/edit/"))
    bar = page.split("data-draft-bar")[1]
    assert bar.startswith("> <p ")
    assert '<div role="alert"> <div hidden data-draft-newer>' in bar
