"""The ledger's services: what flows where, what is refused, and with which figures."""

import pytest

from allocations.ledger import selectors
from allocations.ledger.models import Hold, Posting, PostingKind
from allocations.ledger.selectors import Balances, balances, committed_limit, pool_free
from allocations.ledger.services import (
    Charge,
    allocation_open,
    award_post,
    capacity_lapse,
    capacity_set,
    charge_correct,
    charge_many,
    charge_post,
    hold_place,
    hold_release,
    hold_top_up,
    refund_post,
    return_post,
    reversal_post,
)
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import DomainError, IllegalState, InvalidInput, Refused
from portal.foundation.models import AuditRow
from tests.cast import Cast, site

NOW = Quarter.of(clock.today())
NEXT = NOW.next
CODE = "alc-one"


@pytest.fixture
def stage(cast: Cast) -> Cast:
    """1,000 planned for this quarter and the next."""
    for quarter in (NOW, NEXT):
        plan(cast, quarter, 1000)
    return cast


@pytest.fixture
def funded(stage: Cast) -> Cast:
    """100 granted to one allocation."""
    award(stage, {NOW: 100})
    return stage


def plan(cast: Cast, quarter: Quarter, gpu_seconds: int, key: str = "plan") -> Posting:
    return capacity_set(
        resource=cast.resource,
        quarter=quarter,
        gpu_seconds=gpu_seconds,
        key=f"{key}:{quarter}:{gpu_seconds}",
        actor=cast.admin,
    )


def award(cast: Cast, portions: dict[Quarter, int], key: str = "award", **options: bool) -> int:
    return award_post(
        resource=cast.resource,
        allocation_code=CODE,
        portions=portions,
        key=key,
        actor=cast.council,
        **options,
    )


def hold(job: str, gpu_seconds: int, key: str = "", **options: bool) -> Posting:
    return hold_place(
        allocation_code=CODE, job_code=job, gpu_seconds=gpu_seconds, key=key or f"hold:{job}", **options
    )


def charge(run: str, gpu_seconds: int, job: str | None = None, **options: bool) -> Posting:
    return charge_post(
        allocation_code=CODE,
        run_key=run,
        gpu_seconds=gpu_seconds,
        job_code=job,
        key=f"charge:{run}",
        **options,
    )


def refund(run: str, gpu_seconds: int, key: str = "refund", **options: bool) -> Posting:
    return refund_post(
        allocation_code=CODE, run_key=run, gpu_seconds=gpu_seconds, key=key, reason="Node failed", **options
    )


def stands(**figures: int) -> None:
    assert balances(CODE) == Balances(**figures)


def refused(error: "pytest.ExceptionInfo[DomainError]", code: str, **figures: int) -> None:
    assert error.value.code == code
    for name, figure in figures.items():
        assert error.value.figures[name] == figure


# --- Capacity ---------------------------------------------------------------------------------------
def test_capacity_posts_only_the_difference(stage):
    plan(stage, NOW, 1400)
    plan(stage, NOW, 1300)
    assert pool_free(stage.resource, [NOW, NEXT, NEXT.next]) == {NOW: 1300, NEXT: 1000, NEXT.next: 0}
    amounts = [t.amount for p in Posting.objects.filter(key__contains=str(NOW)) for t in p.transfers.all()]
    assert sorted(amounts) == [100, 400, 1000]
    assert AuditRow.objects.filter(action="capacity_set", object_code=stage.resource.code).count() == 4


def test_capacity_is_not_lowered_below_what_was_awarded(funded):
    with pytest.raises(Refused) as error:
        plan(funded, NOW, 99)
    refused(error, "capacity_in_use", wanted=99, awarded=100, free=900)
    plan(funded, NOW, 100)
    assert pool_free(funded.resource, [NOW]) == {NOW: 0}


def test_capacity_takes_in_what_an_override_created(stage):
    award(stage, {NOW: 1200}, oversubscribe=True)
    plan(stage, NOW, 1000, key="again")
    assert pool_free(stage.resource, [NOW]) == {NOW: 0}
    plan(stage, NOW, 1300)
    assert pool_free(stage.resource, [NOW]) == {NOW: 100}
    with pytest.raises(Refused):
        plan(stage, NOW, 900)


def test_a_quarter_lapses_once_it_is_over(stage, monkeypatch):
    with pytest.raises(IllegalState):
        capacity_lapse(resource=stage.resource, quarter=NOW, key="lapse", actor=None)
    monkeypatch.setattr(clock, "today", lambda: NEXT.first_day)
    capacity_lapse(resource=stage.resource, quarter=NOW, key="lapse", actor=None)
    assert pool_free(stage.resource, [NOW, NEXT]) == {NOW: 0, NEXT: 1000}


# --- Awards and returns -----------------------------------------------------------------------------
def test_an_award_draws_on_each_quarter(stage):
    assert award(stage, {NOW: 100, NEXT: 50}) == 0
    stands(granted=150, available=150)
    assert pool_free(stage.resource, [NOW, NEXT]) == {NOW: 900, NEXT: 950}
    posting = Posting.objects.get(key="award")
    assert [(t.from_account.quarter, t.amount) for t in posting.transfers.order_by("line")] == [
        (str(NOW), 100),
        (str(NEXT), 50),
    ]
    assert posting.actor == stage.council.code


def test_an_award_beyond_capacity_is_refused_with_the_figures(stage):
    with pytest.raises(Refused) as error:
        award(stage, {NOW: 100, NEXT: 1001})
    refused(error, "over_capacity", wanted=1101, free=2000)
    assert error.value.figures["quarters"][str(NEXT)] == {"wanted": 1001, "free": 1000}
    stands()


def test_an_override_creates_exactly_the_shortfall(stage):
    assert award(stage, {NOW: 1030, NEXT: 5}, oversubscribe=True) == 30
    stands(granted=1035, available=1035)
    assert pool_free(stage.resource, [NOW, NEXT]) == {NOW: 0, NEXT: 995}
    beyond = Posting.objects.get(kind=PostingKind.OVERSUBSCRIPTION)
    assert [t.amount for t in beyond.transfers.all()] == [30]
    assert award(stage, {NOW: 1030, NEXT: 5}, oversubscribe=True) == 30  # the repeat tells the same


def test_an_award_repays_overrun_first(funded):
    charge("run", 130)
    stands(granted=100, spent=130, overrun=30)
    award(funded, {NEXT: 50}, key="more")
    stands(granted=150, spent=130, available=20)
    assert committed_limit(CODE) == 150


@pytest.mark.parametrize("kind", [PostingKind.EXPIRE, PostingKind.RECLAIM, PostingKind.GIVE_BACK])
def test_a_return_fills_the_latest_pool_first(stage, kind):
    award(stage, {NOW: 100, NEXT: 50})
    hold("job", 60)
    return_post(allocation_code=CODE, kind=kind, gpu_seconds=70, key="some", actor=stage.pi)
    assert pool_free(stage.resource, [NOW, NEXT]) == {NOW: 920, NEXT: 1000}
    with pytest.raises(Refused) as error:
        return_post(allocation_code=CODE, kind=kind, gpu_seconds=21, key="more", actor=stage.pi)
    refused(error, "over_available", wanted=21, available=20)
    return_post(allocation_code=CODE, kind=kind, key="rest", actor=stage.pi)
    stands(granted=150, held=60, returned=90)
    assert committed_limit(CODE) == 60


def test_a_return_of_another_kind_is_refused(funded):
    with pytest.raises(InvalidInput):
        return_post(allocation_code=CODE, kind=PostingKind.CHARGE, key="k", actor=None)


def test_an_allocation_has_one_resource(funded):
    allocation_open(resource=funded.resource, allocation_code=CODE)
    with pytest.raises(IllegalState) as error:
        allocation_open(resource=site("uet"), allocation_code=CODE)
    refused(error, "other_resource")


# --- Holds ------------------------------------------------------------------------------------------
def test_a_hold_is_set_aside_and_let_go(funded):
    hold("job", 60)
    stands(granted=100, available=40, held=60)
    hold_release(job_code="job", gpu_seconds=10, key="some")
    assert selectors.hold_of("job").remaining == 50
    with pytest.raises(Refused) as error:
        hold_release(job_code="job", gpu_seconds=51, key="more")
    refused(error, "over_hold", wanted=51, held=50)
    hold_release(job_code="job", key="rest")
    hold_release(job_code="job", key="nothing left")
    stands(granted=100, available=100)


def test_a_hold_over_budget_is_refused_with_the_figures(funded):
    with pytest.raises(Refused) as error:
        hold("job", 101)
    refused(error, "over_budget", wanted=101, available=100)
    assert selectors.hold_of("job") is None


def test_no_hold_while_in_overrun(funded):
    charge("run", 130)
    with pytest.raises(Refused) as error:
        hold("job", 1)
    refused(error, "in_overrun", overrun=30)
    hold("already running", 50, partial=True)
    stands(granted=100, spent=130, overrun=30)


def test_a_job_that_runs_already_holds_what_there_is(funded):
    hold("shadow", 150, partial=True)
    stands(granted=100, held=100)


def test_one_hold_for_each_job(funded):
    hold("job", 10)
    with pytest.raises(IllegalState) as error:
        hold("job", 10, key="another")
    refused(error, "hold_exists")
    hold_top_up(job_code="job", gpu_seconds=15, key="requeue")
    assert selectors.hold_of("job").remaining == 25
    with pytest.raises(Refused):
        hold_top_up(job_code="job", gpu_seconds=76, key="too much")
    with pytest.raises(InvalidInput) as error:
        hold_top_up(job_code="nobody", gpu_seconds=1, key="x")
    refused(error, "no_hold")


def test_a_release_repays_overrun_first(funded):
    hold("waiting", 60)
    charge("run", 90)  # 40 available, 50 without budget
    stands(granted=100, held=60, spent=90, overrun=50)
    hold_release(job_code="waiting", key="release")
    stands(granted=100, spent=90, available=10)


# --- Charges and their corrections ------------------------------------------------------------------
def test_a_charge_takes_the_hold_then_the_rest_then_overruns(funded):
    hold("job", 50)
    charge("run", 120, "job")
    stands(granted=100, spent=120, overrun=20)
    flows = Posting.objects.get(key="charge:run").transfers.order_by("line")
    assert [(t.from_kind, t.amount) for t in flows] == [("held", 50), ("available", 50), ("overrun", 20)]


def test_a_charge_leaves_the_holds_of_other_jobs(funded):
    hold("other", 90)
    charge("run", 40)
    stands(granted=100, held=90, spent=40, overrun=30)


def test_a_charge_may_let_go_of_the_rest(funded):
    hold("job", 50)
    charge("run", 20, "job", release_rest=True)
    stands(granted=100, spent=20, available=80)
    assert Posting.objects.get(kind=PostingKind.RELEASE).key == "charge:run/release"


def test_a_run_of_no_time_is_charged_nothing_once(funded):
    first = charge("run", 0)
    assert charge("run", 0) == first
    stands(granted=100, available=100)


def test_a_run_is_charged_once(funded):
    charge("run", 10)
    with pytest.raises(IllegalState) as error:
        charge_post(allocation_code=CODE, run_key="run", gpu_seconds=10, key="another")
    refused(error, "run_charged")
    stands(granted=100, available=90, spent=10)


def test_many_charges_at_once(funded):
    hold("job", 30)
    charges = [
        Charge(allocation_code=CODE, run_key=f"run {n}", gpu_seconds=10, key=f"c{n}", job_code="job")
        for n in range(5)
    ]
    assert charge_many(charges[:2]) == 2
    assert charge_many(charges) == 3
    assert charge_many(charges) == 0
    stands(granted=100, available=50, spent=50)
    assert charge_many([]) == 0


def test_many_charges_are_all_or_nothing(funded):
    good = Charge(allocation_code=CODE, run_key="good", gpu_seconds=10, key="good")
    bad = Charge(allocation_code="alc-unknown", run_key="bad", gpu_seconds=10, key="bad")
    with pytest.raises(InvalidInput) as error:
        charge_many([good, bad])
    refused(error, "no_ledger")
    with pytest.raises(InvalidInput):
        charge_many([good, good])
    with pytest.raises(InvalidInput):
        charge_many([good] * 1001)
    stands(granted=100, available=100)


def test_the_hold_of_another_allocation_is_out_of_reach(funded):
    award_post(resource=funded.resource, allocation_code="alc-two", portions={NOW: 10}, key="two", actor=None)
    hold_place(allocation_code="alc-two", job_code="theirs", gpu_seconds=10, key="h")
    with pytest.raises(InvalidInput):
        charge("run", 5, "theirs")


def test_a_refund_repays_overrun_and_frees_the_rest(funded):
    charge("run", 130)
    refund("run", 40)
    stands(granted=100, spent=90, available=10)
    with pytest.raises(Refused) as error:
        refund("run", 91, key="more")
    refused(error, "over_charge", wanted=91, charged=90)
    with pytest.raises(InvalidInput) as unknown:
        refund("never ran", 1, key="x")
    refused(unknown, "no_charge")


def test_a_refund_to_an_ended_allocation_goes_to_the_pools(funded):
    charge("run", 80)
    return_post(allocation_code=CODE, kind=PostingKind.EXPIRE, key="end", actor=None)
    refund("run", 30, sweep=True)
    stands(granted=100, spent=50, returned=50)
    assert pool_free(funded.resource, [NOW]) == {NOW: 950}


def test_a_late_charge_to_an_ended_allocation_overruns(funded):
    return_post(allocation_code=CODE, kind=PostingKind.EXPIRE, key="end", actor=None)
    charge("late", 30)
    stands(granted=100, returned=100, spent=30, overrun=30)


@pytest.mark.parametrize(
    ("total", "standing"), [(30, {"spent": 30, "available": 70}), (110, {"spent": 110, "overrun": 10})]
)
def test_a_correction_posts_the_difference(funded, total, standing):
    charge("run", 50)
    charge_correct(allocation_code=CODE, run_key="run", gpu_seconds=total, key="c", reason="sacct says")
    stands(granted=100, **standing)


# --- Reversals --------------------------------------------------------------------------------------
def reverse(key: str, cast: Cast) -> Posting:
    return reversal_post(
        original=Posting.objects.get(key=key), key=f"undo:{key}", actor=cast.admin, reason="Entered twice"
    )


def test_each_kind_of_posting_has_its_mirror_image(funded):
    hold("job", 60)
    charge("run", 50, "job")
    refund("run", 5)
    for key in ("refund", "charge:run", "hold:job", "award"):
        reverse(key, funded)
    stands(granted=100, returned=100)
    assert pool_free(funded.resource, [NOW]) == {NOW: 1000}
    reverse(f"plan:{NOW}:1000", funded)
    assert pool_free(funded.resource, [NOW]) == {NOW: 0}


def test_a_posting_is_reversed_once(funded):
    first = reverse("award", funded)
    assert reverse("award", funded) == first
    with pytest.raises(IllegalState) as error:
        reversal_post(original=Posting.objects.get(key="award"), key="again", actor=None, reason="")
    refused(error, "already_reversed")
    with pytest.raises(IllegalState):
        reverse("undo:award", funded)


def test_what_was_used_cant_be_reversed(funded):
    hold("job", 60)
    with pytest.raises(Refused) as error:
        reverse("award", funded)
    refused(error, "cant_reverse", wanted=100, there=40)


def test_corrections_are_reversed_before_what_they_correct(funded):
    charge("run", 50)
    refund("run", 20)
    with pytest.raises(IllegalState) as error:
        reverse("charge:run", funded)
    refused(error, "has_followers")


def test_the_reversal_of_a_refund_may_overrun(funded):
    charge("run", 100)
    refund("run", 40)
    charge("next run", 40)
    reverse("refund", funded)
    stands(granted=100, spent=140, overrun=40)


def test_the_reversal_of_an_award_that_repaid_overrun(funded):
    charge("run", 130)
    award(funded, {NOW: 50}, key="more")
    reverse("more", funded)
    stands(granted=150, returned=50, spent=130, overrun=30)


# --- Keys and amounts -------------------------------------------------------------------------------
def test_a_repeat_changes_nothing_and_tells_the_first(funded):
    first = hold("job", 60)
    assert hold("job", 60) == first
    assert Hold.objects.get().remaining == 60
    assert award(funded, {NOW: 100}) == 0
    stands(granted=100, available=40, held=60)


def test_keys_and_reasons_may_hold_any_text(funded):
    words = 'a "quoted" \\ {key}, NULL\nچابی'
    hold(words[:40], 5, key=words)
    charge("run", 5)
    posting = refund("run", 1, key="r")
    refund_post(allocation_code=CODE, run_key="run", gpu_seconds=1, key=words * 2, reason=words)
    assert Posting.objects.get(key=words * 2).reason == words
    assert Posting.objects.get(key=words).reference == words[:40]
    assert posting.key == "r"


def test_a_key_says_one_thing(funded):
    hold("job", 60)
    with pytest.raises(IllegalState) as error:
        hold("job", 61)
    refused(error, "key_reused")
    with pytest.raises(IllegalState):
        hold("another", 60, key="hold:job")
    with pytest.raises(InvalidInput):
        hold("job", 1, key="k" * 121)


@pytest.mark.parametrize("amount", [0, -1, 1.5, True])
def test_amounts_are_whole_and_positive(funded, amount):
    with pytest.raises(InvalidInput) as error:
        hold("job", amount)
    assert error.value.field == "gpu_seconds"
    with pytest.raises(InvalidInput):
        award(funded, {NOW: amount}, key="x")


def test_balances_of_many_take_one_query(funded, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = selectors.balances_of([CODE, "alc-unknown"])
    assert found == {CODE: Balances(granted=100, available=100), "alc-unknown": Balances()}
