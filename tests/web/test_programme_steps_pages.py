"""Pages and API of steps that wait: sent twice, taken over, closed short, revised, and stepped aside from."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.programme.models import AllocationRequest, Conflict, RequestStep, SiteConsent
from allocations.reviews.models import Review
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import asked, fund, submitted
from tests.reviewing import invited, reviewer, submit
from tests.services.test_programme_steps import ASKED, CHECKED, ETHICS, deputy_of, stepped
from tests.web.test_programme_pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def late(request: AllocationRequest) -> None:
    moment = clock.now() - timedelta(minutes=1)
    SiteConsent.objects.filter(request=request).update(due_at=moment)
    RequestStep.objects.filter(request=request, state="open").update(due_at=moment)


def open_kind(request: AllocationRequest) -> str:
    return str(request.steps.get(state="open").kind)


# --- Sent twice -------------------------------------------------------------------------------------------
@pytest.fixture
def checked(cast: Cast) -> AllocationRequest:
    risk = {"ai_risk": "high", "ai_risk_note": "A person looks at each result."}
    return submitted(cast, track=stepped(CHECKED, ETHICS), **risk)


def test_the_form_of_a_check_sent_twice(cast: Cast, web: Any, checked: AllocationRequest) -> None:
    address, admin = f"/requests/{checked.code}/check/", web(cast.admin)
    assert '<input type="hidden" name="kind" value="technical"' in text(admin.get(address))
    form = {"kind": "technical", "round": "1", "passed": "yes"}
    assert admin.post(address, form).url == checked.get_absolute_url()
    again = admin.post(address, form, follow=True)
    assert "This step was already closed by Admin." in text(again)
    assert open_kind(checked) == "ethics"


def test_a_check_over_the_api_says_which(cast: Cast, api: Any, checked: AllocationRequest) -> None:
    address, admin = f"/api/v1/requests/{checked.code}/check/", api(cast.admin)
    assert admin.post(address, {"passed": True}, format="json").status_code == 400
    sent = {"kind": "technical", "round": 1, "passed": True}
    assert admin.post(address, sent, format="json").status_code == 200
    again = admin.post(address, sent, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "step_closed")
    assert api(cast.pi).post(address, sent, format="json").status_code == 403
    assert open_kind(checked) == "ethics"


# --- A silent site ----------------------------------------------------------------------------------------
def test_the_page_of_an_answer_in_a_sites_place(cast: Cast, web: Any) -> None:
    request = submitted(cast, track=stepped(ASKED))
    address = f"/requests/{request.code}/consent/{cast.site.code}/"
    assert web(cast.admin).get(address).status_code == 403
    late(request)
    admin = web(cast.admin)
    assert f"/consent/{cast.site.code}/" in text(admin.get("/requests/pending/"))
    assert "The site has been silent" in text(admin.get(address))
    assert admin.post(address, {"given": "yes"}).status_code == 422
    assert admin.post(address, {"given": "yes", "reason": "It has room."}).status_code == 302
    assert "Answered by the programme" in text(admin.get(request.get_absolute_url()))
    assert "The programme consented for a silent site" in text(
        admin.get(f"/requests/{request.code}/history/")
    )
    assert web(cast.council).get(address).status_code == 403


def test_the_same_over_the_api_and_by_a_deputy(cast: Cast, api: Any) -> None:
    request = submitted(cast, track=stepped(ASKED))
    address = f"/api/v1/requests/{request.code}/consent/"
    sent = {"site": cast.site.code, "given": True, "reason": "It has room.", "round": 1}
    assert api(cast.admin).post(address, sent, format="json").status_code == 403
    late(request)
    assert api(cast.admin).post(address, {**sent, "round": 2}, format="json").status_code == 409
    told = api(cast.admin).post(address, sent, format="json").json()
    assert [(each["state"], each["taken_over"]) for each in told["consents"]] == [("given", True)]
    other = submitted(cast, track=request.track_version.track)
    deputy = api(deputy_of(cast.site_manager))
    by_deputy = deputy.post(f"/api/v1/requests/{other.code}/consent/", sent, format="json")
    assert by_deputy.json()["consents"][0]["taken_over"] is False


# --- Stepping aside ---------------------------------------------------------------------------------------
def test_what_one_stepped_aside_from_is_hidden(cast: Cast, web: Any, api: Any) -> None:
    request = submitted(cast)
    address = f"/requests/{request.code}/conflict/"
    council = web(cast.council)
    left = council.post(address, {"severity": "real", "note": "My brother's firm."}, follow=True)
    assert "You stepped aside" in text(left)
    assert Conflict.objects.get().user == cast.council
    page = council.get(request.get_absolute_url())
    assert page.status_code == 403
    assert "You stepped aside" in text(page)
    assert council.get(f"/requests/{request.code}/history/").status_code == 404
    queue = text(council.get("/requests/pending/"))
    assert "You stepped aside" in queue
    assert cast.project.title not in queue
    one = f"/api/v1/requests/{request.code}/"
    assert api(cast.council).get(one).status_code == 404
    declared = {"severity": "real", "note": "My brother's firm."}
    assert api(cast.admin).post(f"{one}conflict/", declared, format="json").status_code == 204
    assert api(cast.admin).get(one).status_code == 404


# --- Merit reviews ----------------------------------------------------------------------------------------
@pytest.fixture
def pair(cast: Cast) -> list[Review]:
    first, second = invited(cast, cast.reviewer, reviewer("second"), persons=2)
    submit(first, 2)
    return [first, second]


def test_an_admin_closes_an_overdue_review(cast: Cast, web: Any, pair: list[Review]) -> None:
    request = pair[0].request
    page, address = f"/requests/{request.code}/reviews/", f"/requests/{request.code}/reviews/close/"
    admin = web(cast.admin)
    assert address not in text(admin.get(page))
    assert "overdue yet" in text(admin.post(address, {"reason": "Ill.", "round": "1"}))
    late(request)
    assert address in text(admin.get(page))
    assert 'name="round" value="1"' in text(admin.get(address))
    assert admin.post(address, {"reason": "", "round": "1"}).status_code == 422
    assert admin.post(address, {"reason": "The second is ill.", "round": "1"}).url == page
    assert web(cast.outsider).get(address).status_code == 404
    assert web(cast.council).get(address).status_code == 404
    assert "Closed with 1 of 2 reviews: The second is ill." in text(
        web(cast.pi).get(f"/requests/{request.code}/")
    )


def test_closing_it_over_the_api(cast: Cast, api: Any, pair: list[Review]) -> None:
    address = f"/api/v1/requests/{pair[0].request.code}/reviews/close/"
    sent = {"reason": "The second is ill.", "round": 1}
    late(pair[0].request)
    assert api(cast.outsider).post(address, sent, format="json").status_code == 404
    assert api(cast.council).post(address, sent, format="json").status_code == 403
    assert api(cast.admin).post(address, {}, format="json").status_code == 400
    assert api(cast.admin).post(address, sent, format="json").status_code == 200
    again = api(cast.admin).post(address, sent, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "step_closed")


def test_revising_on_the_page(cast: Cast, web: Any, pair: list[Review]) -> None:
    first = pair[0]
    mine = web(first.reviewer)
    assert f"{first.get_absolute_url()}revise/" in text(mine.get(first.get_absolute_url()))
    assert mine.post(f"{first.get_absolute_url()}revise/").url == first.get_absolute_url()
    assert 'name="comment_applicant"' in text(mine.get(first.get_absolute_url()))
    submit(first, 4)
    address = f"{first.get_absolute_url()}ask-revision/"
    admin = web(cast.admin)
    reviews = f"/requests/{first.request.code}/reviews/"
    assert address in text(admin.get(reviews))
    assert admin.post(address, {"reason": "You name yourself."}).url == reviews
    shown = text(admin.get(reviews))
    assert "You name yourself." in shown
    assert "Version 1" in shown
    assert "Version 2" in shown
    assert web(cast.council).post(address, {"reason": "So."}).status_code == 404


def test_revising_over_the_api(cast: Cast, api: Any, pair: list[Review]) -> None:
    first = pair[0]
    one = f"/api/v1/reviews/{first.code}/"
    assert api(pair[1].reviewer).post(f"{one}revise/").status_code == 404
    assert api(first.reviewer).post(f"{one}revise/").json()["state"] == "assigned"
    assert api(first.reviewer).post(f"{one}revise/").status_code == 409
    submit(first, 4)
    reason = {"reason": "You name yourself."}
    assert api(cast.council).post(f"{one}ask-revision/", reason, format="json").status_code == 404
    asked = api(cast.admin).post(f"{one}ask-revision/", reason, format="json").json()
    assert [version["number"] for version in asked["versions"]] == [1, 2]
    assert asked["versions"][1]["reason"] == "You name yourself."


# --- The run table ----------------------------------------------------------------------------------------
def test_a_missing_run_table_is_named_where_it_is_mended(cast: Cast, web: Any, api: Any) -> None:
    request = asked(cast, 1_000, runs=[])
    page = text(web(cast.pi).get(f"/requests/{request.code}/submit/"))
    assert "The run table is empty" in page
    assert f"/requests/{request.code}/edit/amounts/" in page
    refused = api(cast.pi).post(f"/api/v1/requests/{request.code}/submit/")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "runs"
