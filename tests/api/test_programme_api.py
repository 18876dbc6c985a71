"""Requests and allocations over REST: the way from draft to budget, filters, refusals, repeats."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.models import Allocation, Award
from allocations.programme.models import AllocationRequest, Decision
from allocations.programme.services import consent_answer
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import HOUR, approved, draft, fund, submitted
from tests.web.test_programme_pages import multiply

pytestmark = pytest.mark.django_db

REQUESTS, ALLOCATIONS = "/api/v1/requests/", "/api/v1/allocations/"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def body(cast: Cast, **fields: Any) -> dict[str, Any]:
    today = clock.today()
    return {
        "project": cast.project.code,
        "resource": cast.resource.code,
        "gpu_hours": 12.5,
        "runs": [{"model": "A small model", "gpus": 1, "hours": "12.5"}],
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=9)),
        "justification": "Eight runs.",
        "ai_risk": "minimal",
        **fields,
    }


def test_from_draft_to_budget(cast: Cast, api: Any) -> None:
    pi, council = api(cast.pi), api(cast.council)
    made = pi.post(REQUESTS, body(cast), format="json")
    assert made.status_code == 201
    one = f"{REQUESTS}{made.json()['code']}/"
    assert made.json()["actions"] == ["edit", "submit", "withdraw"]
    assert council.get(one).status_code == 404  # a draft is the project's own
    changed = pi.patch(one, {"gpu_hours": "520.25"}, format="json").json()
    assert (changed["gpu_seconds"], changed["justification"]) == (1_872_900, "Eight runs.")
    assert pi.post(f"{one}submit/").json()["state"] == "submitted"
    assert council.get(one).json()["actions"] == ["decline", "return"]  # the site is asked first
    request = AllocationRequest.objects.get()
    consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)
    assert council.get(one).json()["actions"] == ["approve", "decline", "return"]
    decision = {"outcome": "approved", "gpu_hours": 10, "reason": "To begin with."}
    decided = council.post(f"{one}decide/", decision, format="json").json()
    assert decided["state"] == "approved"
    assert decided["decisions"][0]["gpu_seconds"] == 10 * HOUR
    allocation = pi.get(f"{ALLOCATIONS}{decided['decisions'][0]['lines'][0]['allocation']}/").json()
    assert allocation["state"] == "provisioning"
    assert allocation["balances"] == {
        "granted": 10 * HOUR,
        "spent": 0,
        "held": 0,
        "available": 10 * HOUR,
        "returned": 0,
        "overrun": 0,
    }
    assert allocation["awards"][0]["gpu_hours"] == 10


def test_return_and_withdraw(cast: Cast, api: Any) -> None:
    one = f"{REQUESTS}{submitted(cast).code}/"
    question = {"outcome": "returned", "reason": "Which model?"}
    assert api(cast.admin).post(f"{one}decide/", question, format="json").json()["state"] == "returned"
    withdrawn = api(cast.pi).post(f"{one}withdraw/", {"reason": "Never mind."}, format="json")
    assert withdrawn.json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"gpu_hours": 0}, "gpu_hours"),
        ({"gpu_hours": "1.234"}, "gpu_hours"),
        ({"gpu_hours": "many"}, "gpu_hours"),
        ({"resource": "no-such"}, "resource"),
        ({"project": "prj-0000000000"}, "project"),
        ({"starts_on": "tomorrow"}, "starts_on"),
        ({"ends_on": "2020-01-01"}, "ends_on"),
    ],
)
def test_bad_input_names_the_field(cast: Cast, api: Any, fields: dict[str, Any], field: str) -> None:
    reply = api(cast.pi).post(REQUESTS, body(cast, **fields), format="json")
    assert reply.status_code == 400
    assert reply["Content-Type"] == "application/problem+json"
    assert reply.json()["errors"][0]["field"] == field
    assert not AllocationRequest.objects.exists()


def test_who_may_not_write(cast: Cast, api: Any) -> None:
    assert api(None).post(REQUESTS, body(cast), format="json").status_code in {401, 403}
    assert api(cast.member).post(REQUESTS, body(cast), format="json").status_code == 403
    # Whose project it isn't learns nothing of it.
    for user in (cast.outsider, cast.colleague):
        reply = api(user).post(REQUESTS, body(cast), format="json")
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "project")


def test_moving_a_draft_into_another_project_needs_both(cast: Cast, api: Any) -> None:
    other = cast.project.__class__.objects.create(
        organisation=cast.organisation, title="Other", abstract="", sector=cast.project.sector
    )
    other.members.create(user=cast.pi, role="member")
    one = f"{REQUESTS}{draft(cast).code}/"
    assert api(cast.pi).patch(one, {"project": other.code}, format="json").status_code == 403
    other.members.update(role="manager")
    assert api(cast.pi).patch(one, {"project": other.code}, format="json").json()["project"] == other.code


def test_all_problems_of_an_incomplete_request(cast: Cast, api: Any) -> None:
    pi = api(cast.pi)
    made = pi.post(REQUESTS, {"project": cast.project.code}, format="json").json()
    reply = pi.post(f"{REQUESTS}{made['code']}/submit/")
    assert reply.status_code == 400
    fields = [problem["field"] for problem in reply.json()["figures"]["problems"]]
    assert fields == ["resource", "gpu_hours", "starts_on", "ends_on", "justification", "ai_risk"]


def test_beyond_capacity_tells_the_figures(cast: Cast, api: Any) -> None:
    today = clock.today()
    request = submitted(cast, gpu_seconds=10_002 * HOUR, starts_on=today, ends_on=today)
    council, address = api(cast.council), f"{REQUESTS}{request.code}/decide/"
    decision = {"outcome": "approved", "gpu_hours": 10_002}
    reply = council.post(address, decision, format="json")
    assert (reply.status_code, reply.json()["code"]) == (409, "over_capacity")
    assert reply.json()["figures"]["free"] == 10_000 * HOUR
    unexplained = council.post(address, {**decision, "override": True}, format="json")
    assert unexplained.json()["errors"][0]["field"] == "override_reason"
    explained = {**decision, "override": True, "override_reason": "Floods."}
    assert council.post(address, explained, format="json").json()["state"] == "approved"
    assert Award.objects.get().oversubscribed == 2 * HOUR


def test_a_repeat_with_its_key_decides_once(cast: Cast, api: Any) -> None:
    address = f"{REQUESTS}{submitted(cast).code}/decide/"
    decision = {"outcome": "approved", "gpu_hours": 100}
    council = api(cast.council)
    replies = [
        council.post(address, decision, format="json", headers={"Idempotency-Key": "once"})
        for _time in range(3)
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert replies[0].json() == replies[2].json()
    assert Award.objects.count() == 1
    other = council.post(
        address, {**decision, "gpu_hours": 1}, format="json", headers={"Idempotency-Key": "once"}
    )
    assert other.status_code == 409
    assert council.post(address, decision, format="json").json()["code"] == "illegal_state"


def test_filters_are_those_of_the_page(cast: Cast, api: Any) -> None:
    kept, handed_in = draft(cast), submitted(cast)
    pi = api(cast.pi)
    for query, found in [
        ("state=draft", {kept.code}),
        ("q=retina", {kept.code, handed_in.code}),
        ("q=nothing", set()),
        (f"resource={cast.resource.code}&ordering=created_at", {kept.code, handed_in.code}),
    ]:
        results = pi.get(f"{REQUESTS}?{query}").json()["results"]
        assert {row["code"] for row in results} == found
    assert pi.get(f"{REQUESTS}?state=none-such").status_code == 400


def test_strangers_get_404(cast: Cast, api: Any) -> None:
    request = approved(cast)
    allocation = Allocation.objects.get()
    for user in (cast.outsider, cast.colleague):
        assert api(user).get(REQUESTS).json()["count"] == 0
        assert api(user).get(ALLOCATIONS).json()["count"] == 0
        assert api(user).get(f"{REQUESTS}{request.code}/").status_code == 404
        assert api(user).get(f"{ALLOCATIONS}{allocation.code}/").status_code == 404
        for action in ("submit", "withdraw", "decide"):
            assert api(user).post(f"{REQUESTS}{request.code}/{action}/").status_code == 404


@pytest.mark.parametrize("count", [5, 50])
def test_queries_of_first_words(cast: Cast, api: Any, django_assert_max_num_queries: Any, count: int) -> None:
    """Requests that one of two has approved: who may read that is known without asking row by row."""
    multiply(cast, count)
    first_words = [
        Decision(request=request, round=request.round, decided_by=cast.council, outcome="approved")
        for request in AllocationRequest.objects.all()
    ]
    Decision.objects.bulk_create(first_words)
    readers = {cast.admin: 1, cast.auditor: 0, cast.pi: 0, cast.site_manager: 0}
    for user, words in readers.items():
        client = api(user.fresh())
        with django_assert_max_num_queries(10, info=str(user)):
            reply = client.get(f"{REQUESTS}?page_size=100").json()
        assert [len(row["decisions"]) for row in reply["results"]] == [words] * count


@pytest.mark.parametrize("count", [5, 500])
def test_queries(cast: Cast, api: Any, django_assert_max_num_queries: Any, count: int) -> None:
    request = approved(cast)
    allocation = Allocation.objects.get()
    multiply(cast, count)
    budgets = {
        f"{REQUESTS}?page_size=500": 10,
        f"{ALLOCATIONS}?page_size=500": 10,
        f"{REQUESTS}{request.code}/": 15,
        f"{ALLOCATIONS}{allocation.code}/": 15,
    }
    for user in (cast.pi, cast.council, cast.auditor):
        for address, budget in budgets.items():
            client = api(user.fresh())
            with django_assert_max_num_queries(budget, info=f"{user} {address}"):
                assert client.get(address).status_code == 200
