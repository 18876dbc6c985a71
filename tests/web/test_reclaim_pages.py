"""Reclamation through pages and API: by someone who may and someone who may not."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allocations.awards.models import Allocation
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimRule
from allocations.lifecycle.services.reclaim import reclaim_run
from tests.cast import Cast
from tests.reclaiming import SAYS, day, hundred_days, rule, warned


@pytest.fixture
def case(cast: Cast) -> ReclaimCase:
    return warned(cast, hundred_days(cast))


@pytest.mark.parametrize("channel", ["page", "api"])
def test_from_the_request_to_the_answer(cast: Cast, case: ReclaimCase, web, api, channel: str) -> None:
    def send(user: Any, step: str, **body: str) -> int:
        if channel == "api":
            address = f"/api/v1/reclaim/{case.code}/{step}/"
            return int(api(user).post(address, body, format="json").status_code)
        told = web(user).post(f"/reclaim/{case.code}/{step}/", {"word": next(iter(body.values()))})
        return {302: 200}.get(told.status_code, told.status_code)

    assert send(cast.outsider, "exemption", reason="So.") == 404
    assert send(cast.member, "exemption", reason="So.") == 403
    assert send(cast.pi, "exemption", reason="The data comes late.") == 200
    assert send(cast.pi, "grant", answer="Yes.") == 403
    assert send(cast.admin, "refuse", answer="") in {400, 422}
    assert send(cast.admin, "refuse", answer="It came.") == 200
    case.refresh_from_db()
    assert (case.state, case.exemption.state) == ("warned", "refused")


def test_the_case_tells_what_is_at_stake(cast: Cast, case: ReclaimCase, web, api) -> None:
    page = web(cast.pi).get(case.get_absolute_url()).content.decode()
    assert "Ask to be exempted" in page
    assert "50" in page
    assert "Grant the exemption" not in web(cast.admin).get(case.get_absolute_url()).content.decode()
    assert api(cast.pi).get(f"/api/v1/reclaim/{case.code}/").json()["exemption"] is None
    assert web(cast.outsider).get(case.get_absolute_url()).status_code == 404


@pytest.mark.parametrize(
    "address", ["/reclaim-rules/", "/reclaim-rules/dry-run/", "/api/v1/reclaim-rules/dry-run/"]
)
def test_rules_and_dry_run_are_for_the_programme(
    cast: Cast, case: ReclaimCase, web, api, address: str
) -> None:
    client = api if address.startswith("/api/") else web
    for user in (cast.admin, cast.council):
        assert client(user).get(address).status_code == 200
    for user in (cast.pi, cast.site_manager, cast.outsider):
        assert client(user).get(address).status_code == 403


def test_the_dry_run_lists_with_figures(cast: Cast, web, api, monkeypatch: Any) -> None:
    allocation = hundred_days(cast)
    rule(cast, enforced=False)
    Allocation.objects.update(activated_at=day(-60))
    Allocation.objects.update(starts_on=day(-60).date(), ends_on=day(39).date())
    page = web(cast.admin).get("/reclaim-rules/dry-run/").content.decode()
    assert "Not enforced" in page
    (row,) = [
        row
        for row in api(cast.admin).get("/api/v1/reclaim-rules/dry-run/").json()["results"]
        if row["rule"] == ReclaimRule.objects.latest("pk").code
    ]
    assert (row["step"], row["allocation"], row["would_take"]) == ("warn", allocation.code, 180_000)


@pytest.mark.parametrize("channel", ["page", "api"])
def test_admins_make_and_change_rules(cast: Cast, web, api, channel: str) -> None:
    body = {**SAYS, "name_en": "Third date", "name_ur": "تیسری"}
    made = ReclaimRule.objects.filter(name_en="Third date")

    def send(user: Any, address: str, data: dict[str, Any]) -> int:
        if channel == "api":
            return int(api(user).post(f"/api/v1{address}", data, format="json").status_code)
        address = address if "revise" in address else f"{address}new/"
        return int(web(user).post(address, data).status_code)

    assert send(cast.council, "/reclaim-rules/", body) == 403
    assert send(cast.admin, "/reclaim-rules/", {**body, "take_percent": 0}) in {400, 422}
    assert not made.exists()
    assert send(cast.admin, "/reclaim-rules/", body) in {201, 302}
    address = f"/reclaim-rules/{made.get().code}/revise/"
    assert send(cast.council, address, {**SAYS, "take_percent": 10}) == 403
    assert send(cast.admin, address, {**SAYS, "take_percent": 10, "note": "Milder"}) in {200, 302}
    assert [(v.number, v.take_percent) for v in made.get().versions.all()] == [(2, 10), (1, 50)]
    assert "Milder" in web(cast.council).get(made.get().get_absolute_url()).content.decode()


@pytest.mark.parametrize("language", ["en", "ur"])
def test_pages_in_both_languages(cast: Cast, case: ReclaimCase, web, language: str) -> None:
    addresses = [
        "/reclaim/",
        case.get_absolute_url(),
        "/reclaim-rules/",
        case.rule.get_absolute_url(),
        "/reclaim-rules/new/",
        "/reclaim-rules/dry-run/",
    ]
    for address in addresses:
        told = web(cast.admin).get(address, headers={"accept-language": language})
        assert told.status_code == 200
        assert f'lang="{language}"' in told.content.decode()


def queries_of(client: Client, address: str) -> int:
    """More than it needs where what is kept for seconds has just run out."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_queries_do_not_grow_with_rows(cast: Cast, web) -> None:
    rule(cast)
    counts = []
    for rows in (5, 20):
        for _ in range(rows):
            hundred_days(cast, 1)
        reclaim_run(at=day(37))
        client = web(cast.admin)
        counts += [
            min(queries_of(client, address) for _ in range(3))
            for address in ("/reclaim/", "/reclaim-rules/dry-run/")
        ]
    assert counts[:2] == counts[2:]
    assert max(counts) <= 15
