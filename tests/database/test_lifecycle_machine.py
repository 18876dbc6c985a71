"""Random lives of allocations: whatever is asked, decided, used and ended, every allocation adds up.

One step above the ledger's own machine: here the services act that people and the calendar call.
"""

from datetime import date, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from allocations.awards import services as awards
from allocations.awards.models import Allocation
from allocations.ledger.models import AccountKind, LedgerAccount
from allocations.ledger.selectors import balances_of, withheld_of
from allocations.ledger.services import charge_post, hold_place, hold_release, refund_post
from allocations.ledger.verification import first_discrepancy
from allocations.lifecycle import services
from allocations.lifecycle.models import AllocationReport, ChangeRequest
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from tests.cast import Cast, site
from tests.lifecycling import NOW, allocated, ask, strict_track
from tests.requesting import HOUR

hours = st.integers(1, 400)
picks = st.integers(0, 10**6)
verbs = st.sampled_from(["more", "give_back", "move"])


class Lives(RuleBasedStateMachine):
    """`cast` is set by the test; each example runs in a savepoint of its own, rolled back at its end."""

    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.jobs: list[str] = []
        self.runs: dict[str, str] = {}
        self.frame = transaction.atomic()
        self.frame.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.frame.__exit__(None, None, None)

    def key(self) -> str:
        self.count += 1
        return f"key {self.count}"

    def tried(self, service, **arguments):
        """What a person or a job asks; refusals are part of life, and change nothing."""
        before = self.standing()
        try:
            with transaction.atomic():
                return service(**arguments)
        except (IllegalState, InvalidInput, Refused):
            assert self.standing() == before
            return None

    @staticmethod
    def standing():
        return list(LedgerAccount.objects.order_by("id").values_list("balance", flat=True))

    def one(self, pick: int) -> Allocation:
        return Allocation.objects.get(pk=self.allocations[pick % len(self.allocations)].pk)

    @initialize()
    def begin(self):
        elsewhere = site("uet", hours_a_quarter=2_000)
        track = strict_track(first_instalment_percent=50, progress_every_days=10, final_report=True)
        self.allocations = [
            allocated(self.cast, 400),
            allocated(self.cast, 100, ends_on=NOW.next.last_day, track=track),
            allocated(self.cast, 200, resource=elsewhere),
        ]
        services.reports_plan_all()

    @rule(pick=picks, verb=verbs, amount=hours, to=picks)
    def change(self, pick, verb, amount, to):
        target = self.one(to) if verb == "move" else None
        self.tried(
            ask,
            cast=self.cast,
            allocation=self.one(pick),
            verb=verb,
            gpu_seconds=amount * HOUR + 1,
            target=target,
        )

    @rule(pick=picks, days=st.integers(1, 80))
    def longer(self, pick, days):
        allocation = self.one(pick)
        day: date = allocation.ends_on + timedelta(days=days)
        self.tried(ask, cast=self.cast, allocation=allocation, verb="longer", ends_on=day)

    @rule(pick=picks, approves=st.booleans())
    def decide(self, pick, approves):
        waiting = list(ChangeRequest.objects.filter(state="requested").order_by("pk"))
        if waiting:
            self.tried(
                services.change_decide,
                actor=self.cast.council,
                change=waiting[pick % len(waiting)],
                outcome="approved" if approves else "declined",
                reason="So.",
            )

    @rule(pick=picks)
    def report(self, pick):
        owed = list(AllocationReport.objects.filter(state="due").order_by("pk"))
        if owed:
            report = services.report_write(
                actor=self.cast.pi, report=owed[pick % len(owed)], submit=True, results="It learns."
            )
            services.report_answer(actor=self.cast.admin, report=report, outcome="accepted")

    @rule(pick=picks, amount=hours, up=st.booleans())
    def adjust(self, pick, amount, up):
        self.tried(
            awards.allocation_adjust,
            actor=self.cast.admin,
            allocation=self.one(pick),
            gpu_seconds=amount * HOUR if up else -amount * HOUR,
            reason="So.",
            key=self.key(),
        )

    @rule(pick=picks, amount=hours)
    def hold(self, pick, amount):
        job, allocation = self.key(), self.one(pick)
        if self.tried(
            hold_place, allocation_code=allocation.code, job_code=job, gpu_seconds=amount * HOUR, key=job
        ):
            self.jobs.append(job)

    @rule(pick=picks)
    def release(self, pick):
        if self.jobs:
            self.tried(hold_release, job_code=self.jobs[pick % len(self.jobs)], key=self.key())

    @rule(pick=picks, amount=hours)
    def charge(self, pick, amount):
        run, allocation = self.key(), self.one(pick)
        assert self.tried(
            charge_post, allocation_code=allocation.code, run_key=run, gpu_seconds=amount * HOUR, key=run
        ), "a charge is never refused"
        self.runs[run] = allocation.code

    @rule(pick=picks, amount=hours)
    def refund(self, pick, amount):
        if self.runs:
            run = list(self.runs)[pick % len(self.runs)]
            self.tried(
                refund_post,
                allocation_code=self.runs[run],
                run_key=run,
                gpu_seconds=amount * HOUR,
                key=self.key(),
                reason="",
                sweep=self.has_ended(self.runs[run]),
            )

    @rule(pick=picks, revoked=st.booleans())
    def end(self, pick, revoked):
        allocation = self.one(pick)
        if self.has_ended(allocation.code):
            self.tried(awards.allocation_close, allocation=allocation)
        elif revoked:
            awards.allocation_revoke(actor=self.cast.admin, allocation=allocation, reason="So.")
        else:
            yesterday = clock.today() - timedelta(days=1)
            Allocation.objects.filter(pk=allocation.pk).update(starts_on=yesterday, ends_on=yesterday)
            awards.allocation_expire(allocation=allocation)
        services.changes_lapse()

    @staticmethod
    def has_ended(code: str) -> bool:
        return Allocation.objects.get(code=code).state in {"expired", "revoked", "closed"}

    @invariant()
    def adds_up(self):
        assert first_discrepancy() is None
        codes = [allocation.code for allocation in getattr(self, "allocations", [])]
        kept = withheld_of(codes)
        for code, standing in balances_of(codes).items():
            assert min(vars(standing).values()) >= 0, standing
            assert standing.granted + standing.overrun == (
                standing.spent + standing.held + standing.available + standing.returned
            )
            assert 0 <= kept[code] <= standing.held
            assert not (kept[code] and self.has_ended(code)), "nothing waits for a report after the end"
        pools = LedgerAccount.objects.filter(kind=AccountKind.POOL)
        assert not pools.filter(balance__lt=0).exists()


def explore(**options) -> None:
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **options,
        ),
    )


@pytest.mark.django_db
def test_any_life_adds_up(cast: Cast):
    Lives.cast = cast
    explore()


@pytest.mark.django_db
def test_the_check_can_fail(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    """Where an end forgets what was kept for a report, that is found."""
    monkeypatch.setattr("allocations.ledger.selectors.withheld_of", lambda codes: dict.fromkeys(codes, 0))
    Lives.cast = cast
    machine = Lives()
    try:
        machine.begin()
        machine.adds_up()
        machine.end(1, revoked=True)
        with pytest.raises(AssertionError):
            machine.adds_up()
    finally:
        machine.teardown()
