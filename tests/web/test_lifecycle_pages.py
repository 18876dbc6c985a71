"""Pages of changes, reports and appeals: who sees them, what their forms do, what they cost."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.ledger.selectors import balances
from allocations.lifecycle import services
from allocations.lifecycle.models import AllocationReport, Appeal, ChangeRequest
from portal.foundation import clock
from tests.cast import Cast
from tests.lifecycling import NOW, allocated, ask, decider, declined_change, in_quarter, strict_track
from tests.requesting import HOUR, declined

pytestmark = pytest.mark.django_db
VERBS = ["more", "longer", "move", "give-back"]


def text(reply: Any) -> str:
    return str(reply.content.decode())


def test_the_allocations_page_leads_to_the_four_verbs(cast: Cast, web: Any) -> None:
    allocation = allocated(cast)
    page = f"/allocations/{allocation.code}/"
    assert f'hx-get="{page}changes/"' in text(web(cast.pi).get(page))
    panel = text(web(cast.pi).get(f"{page}changes/", headers={"HX-Request": "true"}))
    assert "<html" not in panel
    for verb in VERBS:
        assert f"{page}{verb}/" in panel
        assert web(cast.pi).get(f"{page}{verb}/").status_code == 200
    seen = text(web(cast.member).get(f"{page}changes/"))
    assert f"{page}more/" not in seen


@pytest.mark.parametrize(
    ("who", "status"), [("member", 403), ("council", 403), ("outsider", 404), ("colleague", 404)]
)
def test_others_open_no_form(cast: Cast, web: Any, who: str, status: int) -> None:
    allocation = allocated(cast)
    for verb in VERBS:
        assert web(getattr(cast, who)).get(f"/allocations/{allocation.code}/{verb}/").status_code == status


def test_beyond_its_track_a_request_that_renews_begins(cast: Cast, web: Any) -> None:
    allocation = allocated(cast, track=strict_track(max_gpu_seconds=500 * HOUR))
    form = f"/allocations/{allocation.code}/more/"
    reply = web(cast.pi).post(form, {"gpu_hours": "101", "reason": "More runs."})
    assert reply.status_code == 422
    assert "exceed its track" in text(reply)
    renew = f"/requests/new/full/?project={cast.project.code}&renews={allocation.code}"
    assert renew.replace("&", "&amp;") in text(reply)
    assert f'value="{allocation.code}" selected' in text(web(cast.pi).get(renew))


def test_asked_decided_and_told_on_the_way(cast: Cast, web: Any) -> None:
    allocation = allocated(cast)
    page = f"/allocations/{allocation.code}/more/"
    reply = web(cast.pi).post(page, {"gpu_hours": "۳۰۰", "reason": "More runs."}, follow=True)
    change = ChangeRequest.objects.get()
    assert reply.redirect_chain[-1][0] == change.get_absolute_url()
    assert "You will be told" in text(reply)
    assert "badge" in text(web(cast.council).get("/changes/pending/"))
    assert change.code in text(web(cast.council).get("/changes/pending/"))
    form = f"/changes/{change.code}/decide/"
    assert "Left after it" in text(web(cast.council).get(form))
    assert web(cast.pi).get(form).status_code == 403
    refused = web(cast.council).post(form, {"outcome": "declined", "reason": ""})
    assert refused.status_code == 422
    web(cast.council).post(form, {"outcome": "approved", "reason": "Go on."})
    change.refresh_from_db()
    assert change.state == "approved"
    assert balances(allocation.code).available == 700 * HOUR
    assert "Go on." in text(web(cast.member).get(change.get_absolute_url()))


def test_nobody_adds_to_what_ends_next_week_unawares(cast: Cast, web: Any) -> None:
    soon = allocated(cast, ends_on=clock.today() + timedelta(days=6))
    assert "It ends soon" in text(web(cast.pi).get(f"/allocations/{soon.code}/more/"))
    assert "It ends soon" not in text(web(cast.pi).get(f"/allocations/{allocated(cast).code}/more/"))


def test_a_refusal_stands_at_its_field(cast: Cast, web: Any) -> None:
    allocation = allocated(cast)
    reply = web(cast.pi).post(
        f"/allocations/{allocation.code}/give-back/", {"gpu_hours": "401", "reason": "Too much."}
    )
    assert reply.status_code == 422
    assert "400 GPU-hours are available" in text(reply)


def test_longer_with_an_amount_begins_a_renewal(cast: Cast, web: Any) -> None:
    allocation = allocated(cast)
    sent = {"ends_on": str(in_quarter(50)), "gpu_hours": "500", "reason": "The second phase."}
    reply = web(cast.pi).post(f"/allocations/{allocation.code}/longer/", sent, follow=True)
    renewal = allocation.renewals.get()
    assert reply.redirect_chain[-1][0] == renewal.get_absolute_url()
    assert renewal.code in text(web(cast.pi).get(f"/allocations/{allocation.code}/changes/"))


def test_withdrawn_by_a_button(cast: Cast, web: Any) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    assert web(cast.outsider).post(f"/changes/{change.code}/withdraw/").status_code == 404
    web(cast.pi).post(f"/changes/{change.code}/withdraw/")
    change.refresh_from_db()
    assert change.state == "withdrawn"


def test_a_report_from_home_to_acceptance(cast: Cast, web: Any) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    services.reports_plan(allocation=allocation)
    report = AllocationReport.objects.get()
    assert "Reports that you owe" in text(web(cast.pi).get("/"))
    assert "Reports that you owe" not in text(web(cast.member).get("/"))
    write = f"/allocation-reports/{report.code}/write/"
    assert web(cast.member).get(write).status_code == 403
    web(cast.pi).post(write, {"plans": "Larger models.", "draft": "1"})
    assert "Larger models." in text(web(cast.pi).get(write))
    assert web(cast.pi).post(write, {"results": ""}).status_code == 422
    web(cast.pi).post(write, {"results": "It learns.", "people_trained": "4"})
    answer = f"/allocation-reports/{report.code}/answer/"
    assert web(cast.council).get(answer).status_code == 403
    assert report.code in text(web(cast.admin).get("/changes/pending/"))
    web(cast.admin).post(answer, {"outcome": "accepted"})
    report.refresh_from_db()
    assert report.state == "accepted"
    assert balances(allocation.code).available == 400 * HOUR


def test_an_appeal_from_the_requests_page(cast: Cast, web: Any) -> None:
    request = declined(cast)
    page = request.get_absolute_url()
    assert f'hx-get="{page}appeals/"' in text(web(cast.pi).get(page))
    assert f"{page}appeal/" in text(web(cast.pi).get(f"{page}appeals/", headers={"HX-Request": "true"}))
    assert f"{page}appeal/" not in text(web(cast.member).get(f"{page}appeals/"))
    assert web(cast.member).get(f"{page}appeal/").status_code == 403
    web(cast.pi).post(f"{page}appeal/", {"grounds": "The baseline was read wrongly."})
    appeal = Appeal.objects.get()
    assert web(cast.pi).get(f"{page}appeal/").status_code == 409
    decide = f"/appeals/{appeal.code}/decide/"
    assert web(cast.council).get(decide).status_code == 403
    assert appeal.code not in text(web(cast.council).get("/changes/pending/"))
    assert appeal.code in text(web(cast.admin).get("/changes/pending/"))
    web(cast.admin).post(decide, {"outcome": "upheld", "reason": "It was."})
    request.refresh_from_db()
    assert request.state == "under_review"


def test_a_declined_change_shows_the_way_to_appeal(cast: Cast, web: Any) -> None:
    change = declined_change(cast, allocated(cast))
    page = change.get_absolute_url()
    assert f"{page}appeal/" in text(web(cast.pi).get(page))
    assert f"{page}appeal/" not in text(web(cast.member).get(page))
    web(cast.pi).post(f"{page}appeal/", {"grounds": "Nothing is left."})
    assert Appeal.objects.get().change == change


@pytest.mark.parametrize("who", ["pi", "admin", "reviewer"])
def test_who_decides_about_changes(cast: Cast, web: Any, who: str) -> None:
    status = web(getattr(cast, who)).get("/changes/pending/").status_code
    assert status == (200 if who == "admin" else 403)


@pytest.mark.parametrize(("rows", "language"), [(5, "en"), (50, "ur")])
def test_lists_cost_the_same_however_long(
    cast: Cast, web: Any, django_assert_max_num_queries: Any, rows: int, language: str
) -> None:
    allocation = allocated(cast)
    for number in range(rows):
        change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR + number)
        services.change_withdraw(actor=cast.pi, change=change)
    for number in range(rows):
        AllocationReport.objects.create(
            allocation=allocation, kind="progress", due_on=NOW.first_day.replace(year=2030 + number)
        )
    client = web(decider("second", "admin"))
    client.cookies["django_language"] = language
    for address in ["/changes/", "/allocation-reports/", "/appeals/", "/changes/pending/"]:
        client.get(address)
        with django_assert_max_num_queries(12 if "pending" in address else 10):
            assert client.get(address).status_code == 200
    client = web(cast.pi)
    for address in [f"/allocations/{allocation.code}/changes/", change.get_absolute_url()]:
        client.get(address)
        with django_assert_max_num_queries(15):
            assert client.get(address).status_code == 200
