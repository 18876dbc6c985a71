"""Random histories: whatever happens in whatever order, the ledger adds up and nothing is negative."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from allocations.ledger.books import AllocationBooks
from allocations.ledger.models import Hold, LedgerAccount, Posting, PostingKind
from allocations.ledger.selectors import balances_of, committed_limit
from allocations.ledger.services import (
    allocation_open,
    award_post,
    capacity_set,
    charge_correct,
    charge_post,
    hold_place,
    hold_release,
    hold_top_up,
    refund_post,
    return_post,
    reversal_post,
)
from allocations.ledger.verification import first_discrepancy
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import DomainError
from tests.cast import Cast

QUARTERS = [Quarter.of(clock.today()), Quarter.of(clock.today()).next]
CODES = ["alc-1", "alc-2"]

codes = st.sampled_from(CODES)
quarters = st.sampled_from(QUARTERS)
amounts = st.integers(1, 60)
picks = st.integers(0, 10**6)


class Ledger(RuleBasedStateMachine):
    """`resource` is set by the test; each example runs in a savepoint of its own, rolled back at its end."""

    resource: Resource

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.jobs: dict[str, str] = {}
        self.runs: dict[str, str] = {}
        self.frame = transaction.atomic()
        self.frame.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.frame.__exit__(None, None, None)

    def key(self) -> str:
        self.count += 1
        return f"key {self.count}"

    def post(self, service, **arguments):
        """Post, and post the same again: the repeat must change nothing. Refusals are part of life."""
        arguments["key"] = self.key()
        try:
            first = service(**arguments)
        except DomainError as error:
            if error.code == "invalid":
                raise  # bad input is the machine's own mistake
            return False
        before = list(LedgerAccount.objects.order_by("id").values_list("balance", flat=True))
        assert service(**arguments) == first
        assert list(LedgerAccount.objects.order_by("id").values_list("balance", flat=True)) == before
        return True

    @initialize()
    def open(self):
        for code in CODES:
            allocation_open(resource=self.resource, allocation_code=code)

    @rule(quarter=quarters, gpu_seconds=st.integers(0, 300))
    def plan(self, quarter, gpu_seconds):
        self.post(capacity_set, resource=self.resource, quarter=quarter, gpu_seconds=gpu_seconds, actor=None)

    @rule(code=codes, first=amounts, second=st.integers(0, 60), oversubscribe=st.booleans())
    def award(self, code, first, second, oversubscribe):
        portions = dict(zip(QUARTERS, [first, second], strict=True))
        self.post(
            award_post,
            resource=self.resource,
            allocation_code=code,
            portions=portions,
            actor=None,
            oversubscribe=oversubscribe,
        )

    @rule(code=codes, gpu_seconds=amounts, partial=st.booleans())
    def hold(self, code, gpu_seconds, partial):
        job = f"job {self.count}"
        if self.post(
            hold_place, allocation_code=code, job_code=job, gpu_seconds=gpu_seconds, partial=partial
        ):
            self.jobs[job] = code

    @rule(pick=picks, gpu_seconds=st.none() | amounts)
    def release(self, pick, gpu_seconds):
        if job := self.one_of(self.jobs, pick):
            self.post(hold_release, job_code=job, gpu_seconds=gpu_seconds)

    @rule(pick=picks, gpu_seconds=amounts, partial=st.booleans())
    def top_up(self, pick, gpu_seconds, partial):
        if job := self.one_of(self.jobs, pick):
            self.post(hold_top_up, job_code=job, gpu_seconds=gpu_seconds, partial=partial)

    @rule(pick=picks, code=codes, gpu_seconds=st.integers(0, 90), of_job=st.booleans(), rest=st.booleans())
    def charge(self, pick, code, gpu_seconds, of_job, rest):
        job = self.one_of(self.jobs, pick) if of_job else None
        run, code = f"run {self.count}", self.jobs[job] if job else code
        assert self.post(
            charge_post,
            allocation_code=code,
            run_key=run,
            gpu_seconds=gpu_seconds,
            job_code=job,
            release_rest=rest,
        ), "a charge is never refused"
        self.runs[run] = code

    @rule(pick=picks, gpu_seconds=amounts, sweep=st.booleans())
    def refund(self, pick, gpu_seconds, sweep):
        if run := self.one_of(self.runs, pick):
            self.post(
                refund_post,
                allocation_code=self.runs[run],
                run_key=run,
                gpu_seconds=gpu_seconds,
                reason="",
                sweep=sweep,
            )

    @rule(pick=picks, gpu_seconds=st.integers(0, 90))
    def correct(self, pick, gpu_seconds):
        if run := self.one_of(self.runs, pick):
            self.post(
                charge_correct,
                allocation_code=self.runs[run],
                run_key=run,
                gpu_seconds=gpu_seconds,
                reason="",
            )

    @rule(
        code=codes,
        gpu_seconds=st.none() | amounts,
        kind=st.sampled_from([PostingKind.EXPIRE, PostingKind.RECLAIM, PostingKind.GIVE_BACK]),
    )
    def give_back(self, code, gpu_seconds, kind):
        self.post(return_post, allocation_code=code, gpu_seconds=gpu_seconds, kind=kind, actor=None)

    @rule(pick=picks)
    def reverse(self, pick):
        postings = list(Posting.objects.order_by("id"))
        if postings:
            self.post(reversal_post, original=postings[pick % len(postings)], actor=None, reason="")

    @invariant()
    def adds_up(self):
        assert first_discrepancy() is None
        assert not Hold.objects.filter(remaining__lt=0).exists()
        for code, standing in balances_of(CODES).items():
            assert min(vars(standing).values()) >= 0, standing
            assert standing.granted + standing.overrun == (
                standing.spent + standing.held + standing.available + standing.returned
            )
            assert committed_limit(code) == standing.granted - standing.returned

    @staticmethod
    def one_of(things: dict[str, str], pick: int) -> str | None:
        return list(things)[pick % len(things)] if things else None


def explore(**options) -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **options,
        ),
    )


def test_any_history_adds_up(cast: Cast):
    Ledger.resource = cast.resource
    explore()


def test_the_check_can_fail(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    """Where no inflow repays overrun, a history is found in which something is available in overrun."""

    def forgetful(self, draft, source, amount, hold=None):
        draft.move(source, self.available, amount, hold)
        return amount

    monkeypatch.setattr(AllocationBooks, "credit", forgetful)
    Ledger.resource = cast.resource
    with pytest.raises(AssertionError):
        explore(phases=[Phase.generate], derandomize=True)
