"""Awards raised and lowered: by whom, out of what, down to what."""

import uuid
from typing import Any

import pytest

from allocations.awards import services
from allocations.awards.models import Allocation, Award
from allocations.ledger.selectors import balances, pool_free
from allocations.ledger.services import hold_place
from portal.foundation.clock import quarters_between
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, SecondFactorNeeded
from portal.foundation.models import AuditRow
from portal.notices.models import Notice
from portal.people.models import Membership
from tests.cast import Cast
from tests.requesting import HOUR, fund
from tests.services.test_awards import HIDDEN, ROLES, bridge_told, make

pytestmark = pytest.mark.django_db


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    fund(cast.resource)
    return make(cast)


def adjust(cast: Cast, target: Allocation, gpu_seconds: int, **changes: Any) -> Allocation:
    options = {"actor": cast.admin, "reason": "As asked.", "key": uuid.uuid4().hex, **changes}
    return services.allocation_adjust(allocation=target, gpu_seconds=gpu_seconds, **options)


def free(cast: Cast, target: Allocation) -> int:
    return sum(pool_free(cast.resource, quarters_between(target.starts_on, target.ends_on)).values())


def test_raised_out_of_free_capacity(cast: Cast, allocation: Allocation) -> None:
    before, told = free(cast, allocation), bridge_told(allocation)
    adjust(cast, allocation, 50 * HOUR)
    assert balances(allocation.code).available == 150 * HOUR
    assert free(cast, allocation) == before - 50 * HOUR
    assert sorted(Award.objects.filter(allocation=allocation).values_list("gpu_seconds", flat=True)) == [
        50 * HOUR,
        100 * HOUR,
    ]
    row = AuditRow.objects.get(action="allocation_adjust")
    assert (row.before, row.after) == ({"gpu_seconds": 100 * HOUR}, {"gpu_seconds": 150 * HOUR})
    assert bridge_told(allocation) == told + 1
    told_to = {notice.user for notice in Notice.objects.filter(kind="allocation_raise")}
    assert told_to == {cast.pi, cast.member}


def test_lowered_into_the_pools(cast: Cast, allocation: Allocation) -> None:
    before = free(cast, allocation)
    adjust(cast, allocation, -30 * HOUR)
    standing = balances(allocation.code)
    assert (standing.available, standing.returned, standing.committed) == (70 * HOUR, 30 * HOUR, 70 * HOUR)
    assert free(cast, allocation) == before + 30 * HOUR
    assert Notice.objects.filter(kind="allocation_lower").exists()


def test_never_below_what_is_held(cast: Cast, allocation: Allocation) -> None:
    hold_place(allocation_code=allocation.code, job_code="job-1", gpu_seconds=60 * HOUR, key="hold")
    with pytest.raises(Refused) as refusal:
        adjust(cast, allocation, -41 * HOUR)
    assert refusal.value.code == "over_available"
    assert refusal.value.figures == {"wanted": 41 * HOUR, "most": 40 * HOUR}
    assert "40" in str(refusal.value.message)
    adjust(cast, allocation, -40 * HOUR)
    assert balances(allocation.code).available == 0


def test_never_beyond_what_is_free(cast: Cast, allocation: Allocation) -> None:
    with pytest.raises(Refused) as refusal:
        adjust(cast, allocation, 10**6 * HOUR)
    assert refusal.value.code == "over_capacity"
    assert Award.objects.filter(allocation=allocation).count() == 1


@pytest.mark.parametrize("gpu_seconds", [HOUR, -HOUR])
def test_sent_twice_it_is_done_once(cast: Cast, allocation: Allocation, gpu_seconds: int) -> None:
    for _ in range(2):
        adjust(cast, allocation, gpu_seconds, key="same")
    assert balances(allocation.code).available == 100 * HOUR + gpu_seconds
    assert AuditRow.objects.filter(action="allocation_adjust").count() == 1
    assert Award.objects.filter(allocation=allocation).count() == (2 if gpu_seconds > 0 else 1)


@pytest.mark.parametrize(
    ("changes", "field"), [({"gpu_seconds": 0}, "gpu_hours"), ({"reason": " "}, "reason")]
)
def test_bad_input_is_named(
    cast: Cast,
    allocation: Allocation,
    changes: dict[str, Any],
    field: str,
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        adjust(cast, allocation, **{"gpu_seconds": HOUR, **changes})
    assert refusal.value.field == field


@pytest.mark.parametrize("state", ["revoked", "expired", "closed"])
def test_not_after_the_end(cast: Cast, allocation: Allocation, state: str) -> None:
    with pytest.raises(IllegalState):
        adjust(cast, make(cast, state), HOUR)


def test_not_ones_own(cast: Cast, allocation: Allocation) -> None:
    Membership.objects.create(organisation=cast.organisation, user=cast.admin)
    with pytest.raises(NotAllowed):
        adjust(cast, allocation, HOUR)


def test_a_second_factor_is_needed(cast: Cast, allocation: Allocation, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        adjust(cast, allocation, HOUR)


@pytest.mark.parametrize("channel", ["service", "page", "api"])
@pytest.mark.parametrize("who", ROLES)
def test_admins_only(
    cast: Cast,
    allocation: Allocation,
    web: Any,
    api: Any,
    channel: str,
    who: str,
) -> None:
    user, body = getattr(cast, who), {"gpu_hours": "2.5", "reason": "So."}
    if channel == "page":
        reply = web(user).post(f"/allocations/{allocation.code}/adjust/", body | {"key": str(uuid.uuid4())})
        status = {302: 200}.get(reply.status_code, reply.status_code)
    elif channel == "api":
        status = (
            api(user).post(f"/api/v1/allocations/{allocation.code}/adjust/", body, format="json").status_code
        )
    else:
        try:
            adjust(cast, allocation, 9000, actor=user)
            status = 200
        except NotAllowed:
            status = 403
    hidden = who in HIDDEN and channel != "service"
    assert status == (200 if who == "admin" else 404 if hidden else 403)
    assert balances(allocation.code).available == 100 * HOUR + (9000 if who == "admin" else 0)


def test_the_page_tells_the_most(cast: Cast, allocation: Allocation, web: Any) -> None:
    browser = web(cast.admin)
    address = f"/allocations/{allocation.code}/adjust/"
    assert "100" in browser.get(address).content.decode()
    sent = {"gpu_hours": "-101", "reason": "So.", "key": str(uuid.uuid4())}
    reply = browser.post(address, sent)
    assert reply.status_code == 422
    assert "At most 100 GPU-hours can be taken back" in reply.content.decode()
    assert address in browser.get(f"/allocations/{allocation.code}/").content.decode()
    assert address not in web(cast.pi).get(f"/allocations/{allocation.code}/").content.decode()
