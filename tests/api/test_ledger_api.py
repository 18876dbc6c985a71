"""The ledger over the API."""

import pytest

from allocations.ledger import policies
from tests.ledger_stage import HOUR, funded_allocation

URL = "/api/v1/ledger/"


@pytest.fixture
def allocation(cast):
    return funded_allocation(cast)


def kinds(response):
    assert response.status_code == 200
    return [row["kind"] for row in response.json()["results"]]


def test_entries_with_their_transfers(cast, api, allocation):
    response = api(cast.member).get(URL, {"allocation": allocation.code})
    assert kinds(response) == ["refund", "release", "charge", "hold", "award"]
    refund, _release, charge, *_rest, award = response.json()["results"]
    assert refund["about"] == charge["key"]
    assert refund["by"] == cast.admin.code
    assert charge["transfers"] == [
        {
            "from_kind": "held",
            "to_kind": "spent",
            "gpu_seconds": HOUR,
            "quarter": "",
            "job": charge["reference"].removeprefix("run "),
        }
    ]
    assert award["transfers"][0]["quarter"]
    assert "id" not in award


def test_only_what_the_caller_may_see(cast, api, allocation):
    assert len(kinds(api(cast.auditor).get(URL))) == 5
    assert kinds(api(cast.outsider).get(URL)) == []
    assert kinds(api(cast.outsider).get(URL, {"allocation": allocation.code})) == []
    assert api(None).get(URL).status_code == 401


def test_nobody_sees_anything_until_allocations_say_who(cast, api, allocation, monkeypatch):
    monkeypatch.setattr(policies, "_visible_codes", None)
    assert kinds(api(cast.admin).get(URL)) == []
    assert not policies.may_see(cast.admin, allocation.code)


def test_narrowing_and_paging(cast, api, allocation):
    assert kinds(api(cast.pi).get(URL, {"kind": "award"})) == ["award"]
    assert api(cast.pi).get(URL, {"kind": "nonsense"}).status_code == 400
    page = api(cast.pi).get(URL, {"page_size": 2}).json()
    assert (page["count"], len(page["results"])) == (5, 2)


def test_it_is_only_read(cast, api):
    assert api(cast.admin).post(URL, {}).status_code == 405


def test_queries_dont_grow(cast, api, django_assert_max_num_queries):
    client = api(cast.pi)
    funded_allocation(cast, jobs=30)
    with django_assert_max_num_queries(5):
        assert len(kinds(client.get(URL, {"page_size": 500}))) == 92
