"""The report page: what it shows, where its figures lead, whom it shows them to."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allocations.awards.models import Allocation
from allocations.projects.models import Project
from allocations.usage.services import usage_record_many
from portal.foundation import clock
from portal.foundation.formats import hours_island
from tests.cast import Cast
from tests.using import NOON, allocated, charged, run

PAGE = "/reports/"
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}
SignIn = Callable[[Any], Client]


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    allocation = allocated(cast.project, cast.resource, by=cast.council)
    charged(allocation, user=cast.pi, gpu_seconds=7000)
    charged(allocation, user=cast.member, gpu_seconds=200, ended_at=NOON + timedelta(days=1))
    return allocation


def links(page: str, words: str) -> list[str]:
    """Addresses of the links whose text contains `words`."""
    anchors = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [unescape(address) for address, inside in anchors if words in inside]


@pytest.mark.parametrize("language", ["en", "ur"])
@pytest.mark.parametrize("group_by", ["day", "month", "site", "resource", "organisation", "project"])
def test_the_page_in_both_languages(
    allocation: Allocation, cast: Cast, web: SignIn, language: str, group_by: str
) -> None:
    response = web(cast.pi).get(
        PAGE, {**NOVEMBER, "group_by": group_by}, headers={"accept-language": language}
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert f'lang="{language}"' in page
    assert response.context["totals"][0]["written"] == hours_island(7200)
    assert "<tfoot>" in page
    assert "style=" not in page


def test_figures_lead_to_the_rows_behind_them(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    client = web(cast.pi)
    page = client.get(PAGE, {**NOVEMBER, "group_by": "site"}).content.decode()
    for group_by in ("organisation", "project", "resource", "day"):
        behind = links(page, ">2<") or links(page, "2")
        address = next(one for one in behind if f"group_by={group_by}" in one)
        page = client.get(PAGE + address).content.decode()
        total = re.search(r"<tfoot>.*?</tfoot>", page, re.DOTALL)
        assert total is not None
        assert re.search(r">\s*2\s*<", total[0])


def test_a_month_at_the_edge_leads_to_its_part(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    asked = {"from": "2026-11-11", "to": "2026-12-31", "group_by": "month"}
    page = web(cast.pi).get(PAGE, asked).content.decode()
    assert any("from=2026-11-11" in one and "to=2026-11-30" in one for one in links(page, "0.06"))


def test_a_project_leads_to_its_allocations(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    page = web(cast.pi).get(PAGE, {**NOVEMBER, "group_by": "project"}).content.decode()
    assert links(page, "Allocations and ledger") == [f"/allocations/?project={cast.project.code}"]


def test_the_api_and_csv_answer_the_same_question(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    client = web(cast.pi)
    asked = {"period": "custom", **NOVEMBER, "group_by": "day", "then_by": "site", "person": "me"}
    page = client.get(PAGE, asked).content.decode()
    told = client.get(links(page, "As the API")[0]).json()
    assert told["group_by"] == ["day", "site"]
    assert told["filters"] == {"person": "me"}
    assert [row["day"] for row in told["rows"]] == ["2026-11-10"]
    exported = client.get(links(page, "CSV")[0])
    assert exported["Content-Type"].startswith("text/csv")
    assert b"".join(exported.streaming_content).count(b"\n") == 2


@pytest.mark.parametrize(
    ("sent", "first"),
    [
        ({"period": "last_quarter"}, "2026-07-01"),  # the days beside it as they were
        ({"from": "2026-11-05"}, "2026-11-05"),  # the period beside it as it was
        ({"period": "custom"}, "2026-11-01"),
        ({"period": "custom", "from": "", "to": ""}, "2026-11-01"),
    ],
)
def test_what_was_changed_in_the_form_counts(
    cast: Cast, web: SignIn, monkeypatch: pytest.MonkeyPatch, sent: dict[str, str], first: str
) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2026, 11, 22))
    client = web(cast.pi)
    form = client.get(PAGE).context["form"]
    as_shown = {bound.html_name: bound.value() or "" for bound in form}
    response = client.get(PAGE, as_shown | sent)
    assert response.context["question"].first.isoformat() == first


def test_an_order_of_columns_that_are_no_more_is_dropped(
    allocation: Allocation, cast: Cast, web: SignIn
) -> None:
    page = web(cast.pi).get(PAGE, {**NOVEMBER, "group_by": "site", "ordering": "-day"})
    assert page.status_code == 200
    assert len(page.context["rows"]) == 1


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"group_by": "planet"}, "group_by"),
        ({"from": "2026-13-01"}, "from"),
        ({"period": "eternity"}, "period"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_a_bad_parameter_is_told_on_the_page(
    cast: Cast, web: SignIn, asked: dict[str, str], named: str
) -> None:
    response = web(cast.pi).get(PAGE, asked)
    assert response.status_code == 400
    assert f">{named}</code>" in response.content.decode()


def test_the_outsider(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    client = web(cast.outsider)
    page = client.get(PAGE, {**NOVEMBER, "group_by": "project"})
    assert page.status_code == 200
    assert cast.project.title not in page.content.decode()
    assert cast.site.name not in page.content.decode().split("<main")[1]
    for kind, code in (("project", cast.project.code), ("organisation", cast.organisation.code)):
        assert client.get(PAGE, {kind: code}).status_code == 404


def test_visitors_are_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get(PAGE).status_code == 302


def test_nothing_yet(cast: Cast, web: SignIn) -> None:
    page = web(cast.pi).get(PAGE).content.decode()
    assert "No usage this month yet" in page
    assert "?period=last_month" in page


def test_people_s_words_are_text(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    Project.objects.update(title="<script>alert(1)</script>")
    page = web(cast.pi).get(PAGE, {**NOVEMBER, "group_by": "project"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_five_rows_and_five_hundred_cost_the_same(allocation: Allocation, cast: Cast, web: SignIn) -> None:
    client = web(cast.pi)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(PAGE, {**NOVEMBER, "group_by": "project"}).status_code == 200
        return len(caught)

    queries()  # A first visit notes the session, and fills the cache of the frame.
    few = queries()
    runs = []
    for number in range(500):
        project = Project.objects.create(
            organisation=cast.organisation, title=f"P{number}", abstract="x", sector=cast.project.sector
        )
        place = Allocation.objects.create(
            project=project, resource=cast.resource, starts_on=clock.today(), ends_on=clock.today()
        )
        runs.append(run(place, save=False))
    usage_record_many(records=runs)
    assert queries() == few
    assert few <= 10
