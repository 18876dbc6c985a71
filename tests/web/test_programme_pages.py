"""The pages of requests: what they show, keep, refuse and cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.html import escape

from allocations.awards.models import Allocation
from allocations.programme import services
from allocations.programme.models import AllocationRequest, RequestLine
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import HOUR, approve, approved, draft, fund, returned, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def typed(cast: Cast, **fields: str) -> dict[str, str]:
    today = clock.today()
    return {
        "project": cast.project.code,
        "resource": cast.resource.code,
        "gpu_hours": "12.5",
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=9)),
        "justification": "Eight runs.",
        **fields,
    }


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


# --- Writing ----------------------------------------------------------------------------------------
def test_who_leads_nothing_is_led_to_begin_a_project(cast: Cast, web: Any) -> None:
    begins = [
        (cast.member, "/requests/new/full/", "/projects/new/"),
        (cast.colleague, "/requests/new/full/", "/projects/new/"),
        (cast.council, "/requests/new/full/", "/organisations/"),
        (cast.council, "/requests/new/", "/organisations/"),
    ]
    for user, asked, page in begins:
        reply = web(user).get(f"{asked}?resource=ned-h100", follow=True)
        assert reply.redirect_chain == [(page, 302)]
        assert reply.status_code == 200
        assert "Begin a project first" in text(reply)
        assert web(user).post(asked, typed(cast)).status_code == 403


def test_a_returned_request_shows_its_question(cast: Cast, web: Any) -> None:
    request = returned(cast)
    page = text(web(cast.pi).get(f"/requests/{request.code}/"))
    assert "Which model?" in page
    assert f"/requests/{request.code}/edit/" in page


@pytest.mark.parametrize(
    ("language", "labels"),
    [("en", ["Until", "May come later or elsewhere: yes → no", "Limited"]), ("ur", ["Until", "Limited"])],
)
def test_what_changed_is_told_in_words(cast: Cast, web: Any, language: str, labels: list[str]) -> None:
    request = returned(cast)
    services.request_update(
        actor=cast.pi,
        request=request,
        ends_on=request.ends_on + timedelta(days=5),
        gpu_seconds=1_500 * HOUR,
        runs=[services.Run("Retina 3B", 4, Decimal("2.5"), 10)],
        flexible=False,
        ai_risk="limited",
    )
    services.request_submit(actor=cast.pi, request=request)
    client = web(cast.council)
    client.cookies["django_language"] = language
    page = client.get(f"/requests/{request.code}/")
    rows = page.context["versions"]
    table = "\n".join(f"{row.label}: {row.before} → {row.after}" for row in rows)
    assert all(escape(row.label) in text(page) for row in rows)
    for raw in ("ends_on", "gpu_seconds", "5400000", "flexible", "False", cast.resource.code, "{"):
        assert raw not in table
    assert "1,500" in table
    assert str(cast.resource) in table
    assert "Retina 3B" in table
    for label in labels:
        assert (label in table) == (language == "en")


def test_withdrawing_asks_first(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    client = web(cast.pi)
    assert "be undone" in text(client.get(f"/requests/{request.code}/withdraw/"))
    client.post(f"/requests/{request.code}/withdraw/", {"reason": "Not needed."})
    request.refresh_from_db()
    assert request.state == "withdrawn"
    assert "Not needed." in text(client.get(f"/requests/{request.code}/history/"))


# --- Deciding ---------------------------------------------------------------------------------------
def test_the_decision_page_shows_what_the_award_does(cast: Cast, web: Any) -> None:
    approved(cast, gpu_seconds=1_000 * HOUR)
    request = submitted(cast, gpu_seconds=300 * HOUR)
    page = text(web(cast.council).get(f"/requests/{request.code}/decide/"))
    for figure in ("10,000", "300", "Shares, weeks ahead, and who waits", 'value="300"'):
        assert figure in page


def test_partial_approval_on_the_page(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    client, address = web(cast.council), f"/requests/{request.code}/decide/"
    body = {"outcome": "approved", "gpu_hours_0": "40"}
    refused = client.post(address, body)
    assert refused.status_code == 422
    assert "A reason is needed." in text(refused)
    assert client.post(address, {**body, "reason": "First half."}).status_code == 302
    page = text(client.get(f"/requests/{request.code}/"))
    assert "First half." in page
    assert Allocation.objects.get().code in page


def test_beyond_capacity_on_the_page(cast: Cast, web: Any) -> None:
    today = clock.today()
    request = submitted(cast, gpu_seconds=10_001 * HOUR, starts_on=today, ends_on=today)
    client, address = web(cast.council), f"/requests/{request.code}/decide/"
    assert 'At most <bdi class="num" dir="ltr">10,000</bdi> GPU-hours fit' in text(client.get(address))
    body = {"outcome": "approved", "gpu_hours_0": "10001", "reason": "All of it."}
    refused = client.post(address, body)
    assert refused.status_code == 422
    assert "10,000 are free" in text(refused)
    assert "All of it." in text(refused)
    unexplained = client.post(address, {**body, "override": "on"})
    assert "An override needs its reason." in text(unexplained)
    explained = client.post(address, {**body, "override": "on", "override_reason": "Floods."})
    assert explained.status_code == 302
    assert request.decisions.get().override_reason == "Floods."


def test_deciding_needs_a_choice(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    reply = web(cast.council).post(f"/requests/{request.code}/decide/", {"reason": "Hm."})
    assert reply.status_code == 422
    assert not request.decisions.exists()


def test_pending_is_for_deciders_oldest_first(cast: Cast, web: Any) -> None:
    first, second = submitted(cast), submitted(cast)
    page = text(web(cast.council).get("/requests/pending/"))
    assert page.index(first.code) < page.index(second.code)
    for user in (cast.pi, cast.reviewer, cast.outsider):
        assert web(user).get("/requests/pending/").status_code == 403


# --- Lists ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=draft", {"draft"}),
        ("state=submitted", {"submitted"}),
        ("q=retina", {"draft", "submitted"}),
        ("q=retina+pi", {"draft", "submitted"}),
        ("q=nothing-like-it", set()),
        ("resource=ned-h100", {"draft", "submitted"}),
        ("project=prj-0000000000", set()),
    ],
)
def test_filters(cast: Cast, web: Any, query: str, found: set[str]) -> None:
    requests = {"draft": draft(cast), "submitted": submitted(cast)}
    page = text(web(cast.pi).get(f"/requests/?{query}"))
    assert {state for state, request in requests.items() if request.code in page} == found


def test_visitors_are_sent_to_sign_in(cast: Cast, web: Any) -> None:
    request = submitted(cast)
    for page in ("", "new/", "pending/", f"{request.code}/", f"{request.code}/decide/"):
        reply = web(None).get(f"/requests/{page}")
        assert reply.status_code == 302
        assert "/sign-in/" in reply.url


def test_allocations_with_their_meter(cast: Cast, web: Any) -> None:
    allocation = approved(cast).decisions.get().lines.get().award.allocation
    page = text(web(cast.member).get(f"/allocations/{allocation.code}/"))
    assert "Being set at the site" in page
    assert f"/allocations/{allocation.code}/ledger/" in page
    assert f"/jobs/?allocation={allocation.code}" in page
    assert "/jobs/new/" not in page  # not before the limits are set
    Allocation.objects.filter(pk=allocation.pk).update(state="active")
    assert f"/jobs/new/?allocation={allocation.code}" in text(
        web(cast.member).get(f"/allocations/{allocation.code}/")
    )
    assert "/jobs/new/" not in text(web(cast.council).get(f"/allocations/{allocation.code}/"))
    assert allocation.code in text(web(cast.member).get("/allocations/?q=retina&state=active"))
    assert allocation.code not in text(web(cast.member).get("/allocations/?state=closed"))


# --- What pages cost --------------------------------------------------------------------------------
MANY = 500


def multiply(cast: Cast, count: int) -> None:
    """`count` requests and as many allocations beside the one that is looked at."""
    today = clock.today()
    requests = AllocationRequest.objects.bulk_create(
        AllocationRequest(
            project=cast.project,
            requested_by=cast.pi,
            state="submitted",
            submitted_at=clock.now(),
            starts_on=today,
            ends_on=today,
        )
        for _number in range(count)
    )
    RequestLine.objects.bulk_create(
        RequestLine(request=request, resource=cast.resource, gpu_seconds=HOUR) for request in requests
    )
    Allocation.objects.bulk_create(
        Allocation(project=cast.project, resource=cast.resource, starts_on=today, ends_on=today)
        for _number in range(count)
    )


@pytest.mark.parametrize("count", [5, MANY])
def test_queries(cast: Cast, web: Any, django_assert_max_num_queries: Any, count: int) -> None:
    done, waits = submitted(cast), submitted(cast)
    award = approve(cast, done).lines.get().award
    assert award is not None
    multiply(cast, count)
    budgets = {
        "/requests/": 10,
        "/requests/pending/": 10,
        "/allocations/": 10,
        f"/requests/{done.code}/": 15,
        f"/requests/{waits.code}/": 15,
        f"/requests/{waits.code}/decide/": 15,
        f"/allocations/{award.allocation.code}/": 15,
    }
    for user in (cast.admin, cast.council, cast.auditor, cast.pi):
        client = web(user)
        client.get("/")  # what is kept in the cache is kept now
        for address, budget in budgets.items():
            decides = user in (cast.admin, cast.council)
            with django_assert_max_num_queries(budget, info=f"{user} {address}"):
                reply = client.get(address)
            barred = not decides and ("pending" in address or "decide" in address)
            assert reply.status_code == (403 if barred else 200)
