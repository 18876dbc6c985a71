"""Use it or lose it: whom the rules catch, when, and what they take."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances
from allocations.ledger.services import hold_place
from allocations.lifecycle.models.reclaim import (
    ReclaimCase,
    ReclaimExemption,
    ReclaimRule,
    ReclaimRuleVersion,
)
from allocations.lifecycle.reclaim_plan import findings
from allocations.lifecycle.reclaim_seeding import seed
from allocations.lifecycle.services.reclaim import reclaim_run
from allocations.lifecycle.services.reclaim_exemptions import (
    exemption_ask,
    exemption_grant,
    exemption_refuse,
)
from allocations.lifecycle.services.reclaim_rules import reclaim_rule_revise
from datacenters.models import Outage
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow, OutboxRow
from portal.notices.models import Notice
from portal.people.models import Membership
from tests.cast import Cast
from tests.reclaiming import SAYS, day, hundred_days, rule, use, warned
from tests.requesting import HOUR


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    return hundred_days(cast)


def own(found: list) -> list:
    """Without what the installation's own rules find."""
    return [finding for finding in found if finding.version.enforced]


def test_warned_twice_then_taken(cast: Cast, allocation: Allocation) -> None:
    rule(cast)
    use(allocation, 10)
    assert reclaim_run(at=day(35)) == {}
    assert reclaim_run(at=day(37)) == {"warn": 1}
    assert reclaim_run(at=day(38)) == {}
    assert reclaim_run(at=day(45)) == {"warn_again": 1}
    assert reclaim_run(at=day(50)) == {}
    assert reclaim_run(at=day(53)) == {"take": 1}
    assert reclaim_run(at=day(60)) == {}
    case = ReclaimCase.objects.get()
    assert (case.state, case.taken_gpu_seconds) == ("taken", 45 * HOUR)
    left = balances(allocation.code)
    assert (left.available, left.spent, left.returned) == (45 * HOUR, 10 * HOUR, 45 * HOUR)
    topics = list(OutboxRow.objects.values_list("topic", "payload"))
    assert ("allocation_provision", {"allocation": allocation.code}) in topics
    assert ("pool_freed", {"resource": cast.resource.code}) in topics
    kinds = set(
        Notice.objects.filter(user=cast.pi, kind__startswith="reclaim").values_list("kind", flat=True)
    )
    assert kinds == {"reclaim_warn", "reclaim_warn_again", "reclaim_take"}
    actions = AuditRow.objects.filter(object_code=case.code).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["reclaim_warn", "reclaim_warn_again", "reclaim_take"]
    assert AuditRow.objects.get(action="allocation_reclaim").object_code == allocation.code


def test_the_dry_run_is_what_is_then_done(cast: Cast, allocation: Allocation) -> None:
    others = [hundred_days(cast, 50) for _ in range(3)]
    use(others[0], 30)  # enough
    use(others[1], 5)
    rule(cast)
    for when in (37, 45, 53):
        told = {f.allocation.code: (f.step, f.would_take) for f in own(findings(at=day(when))) if f.step}
        before = {code: balances(code).returned for code in told}
        done = reclaim_run(at=day(when))
        assert sum(done.values()) == len(told) == 3
        taken = {code: balances(code).returned - before[code] for code in told}
        assert taken == {code: amount if step == "take" else 0 for code, (step, amount) in told.items()}
    assert sum(taken.values()) == (50 + 22.5 + 25) * HOUR


def test_a_late_rule_still_warns_with_all_its_days(cast: Cast, allocation: Allocation) -> None:
    rule(cast)
    assert reclaim_run(at=day(80)) == {"warn": 1}
    assert ReclaimCase.objects.get().due_at == pytest.approx(day(94), abs=timedelta(minutes=1))
    assert reclaim_run(at=day(86)) == {}
    assert reclaim_run(at=day(88)) == {"warn_again": 1}
    assert reclaim_run(at=day(94)) == {}
    assert reclaim_run(at=day(95.5)) == {"take": 1}


def test_who_uses_it_meanwhile_keeps_it(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    use(allocation, 20)
    assert reclaim_run(at=day(38)) == {"cure": 1}
    case.refresh_from_db()
    assert case.state == "cured"
    assert reclaim_run(at=day(60)) == {}
    assert balances(allocation.code).returned == 0


def test_held_hours_count_as_used_and_are_never_taken(cast: Cast, allocation: Allocation) -> None:
    hold_place(allocation_code=allocation.code, job_code="job-1", gpu_seconds=15 * HOUR, key="hold")
    rule(cast)
    for when in (37, 45, 53):
        reclaim_run(at=day(when))
    left = balances(allocation.code)
    assert (left.held, left.returned, left.available) == (15 * HOUR, 42.5 * HOUR, 42.5 * HOUR)


def test_time_out_never_counts(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    assert reclaim_run(at=day(45)) == {"warn_again": 1}
    Outage.objects.create(
        site=cast.site,
        kind="unplanned",
        cause=Outage.Cause.values[0],
        announced_at=day(0),
        starts_at=day(10),
        ends_at=day(20),
        recorded_by=cast.admin,
    )
    assert reclaim_run(at=day(55)) == {}  # else it would be taken
    (finding,) = own(findings(at=day(55)))
    assert finding.out_seconds == 10 * 86_400
    assert finding.check_at == pytest.approx(day(60), abs=timedelta(minutes=1))
    assert reclaim_run(at=day(60.5)) == {"take": 1}
    case.refresh_from_db()
    assert case.state == "taken"


def test_nothing_while_an_exemption_awaits_its_answer(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    reclaim_run(at=day(45))
    exemption_ask(actor=cast.pi, case=case, reason="The data comes next month.")
    assert Notice.objects.filter(user=cast.admin, kind="reclaim_exemption").exists()
    assert reclaim_run(at=day(60)) == {}
    exemption_refuse(actor=cast.admin, case=case, answer="It was promised last month, too.")
    assert reclaim_run(at=day(60)) == {"take": 1}


def test_exempted(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    exemption_ask(actor=cast.pi, case=case, reason="The data comes next month.")
    exemption_grant(actor=cast.admin, case=case)
    case.refresh_from_db()
    assert case.state == "exempted"
    assert reclaim_run(at=day(60)) == {}
    assert balances(allocation.code).returned == 0
    with pytest.raises(IllegalState):
        exemption_ask(actor=cast.pi, case=case, reason="Once more.")


def test_who_may_ask_and_answer(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    for person in (cast.member, cast.admin, cast.outsider):
        with pytest.raises(NotAllowed):
            exemption_ask(actor=person, case=case, reason="So.")
    with pytest.raises(InvalidInput):
        exemption_ask(actor=cast.pi, case=case, reason=" ")
    exemption_ask(actor=cast.pi, case=case, reason="So.")
    for person in (cast.pi, cast.council, cast.site_manager):
        with pytest.raises(NotAllowed):
            exemption_grant(actor=person, case=case)
    Membership.objects.create(organisation=cast.organisation, user=cast.admin)
    with pytest.raises(NotAllowed):
        exemption_grant(actor=cast.admin.fresh(), case=case)
    exemption = ReclaimExemption.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        ReclaimExemption.objects.filter(pk=exemption.pk).update(
            state="granted", decided_by=cast.admin, decided_at=day(0)
        )


def test_who_works_on_it_is_neither_asked_nor_answers(cast: Cast, allocation: Allocation) -> None:
    cast.project.members.create(user=cast.admin)
    exemption_ask(actor=cast.pi, case=(case := warned(cast, allocation)), reason="So.")
    assert not Notice.objects.filter(kind="reclaim_exemption").exists()
    with pytest.raises(NotAllowed):
        exemption_grant(actor=cast.admin.fresh(), case=case)


def test_not_enforced_it_only_tells(cast: Cast, allocation: Allocation) -> None:
    made = rule(cast, enforced=False)
    (finding,) = findings(at=day(37), rule=made)
    assert (finding.step, finding.would_take) == ("warn", 50 * HOUR)
    assert reclaim_run(at=day(37)) == {}
    assert not ReclaimCase.objects.exists()


def test_switched_off_it_lets_its_cases_go(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    reclaim_rule_revise(actor=cast.admin, rule=case.rule, **{**SAYS, "enforced": False})
    assert reclaim_run(at=day(60)) == {"drop": 1}
    case.refresh_from_db()
    assert case.state == "dropped"


def test_a_case_keeps_its_version(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    reclaim_rule_revise(actor=cast.admin, rule=case.rule, **{**SAYS, "take_percent": 100})
    reclaim_run(at=day(45))
    reclaim_run(at=day(53))
    case.refresh_from_db()
    assert case.taken_gpu_seconds == 50 * HOUR


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"second_warning_days": 14}, "second_warning_days"),
        ({"check_percent": 100}, "check_percent"),
        ({"take_percent": 0}, "take_percent"),
        ({"note": ""}, "note"),
    ],
)
def test_a_bad_rule_is_named(cast: Cast, changes: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rule(cast, **changes)
    assert refusal.value.field == field


def test_rules_are_for_admins(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        reclaim_rule_revise(actor=cast.council, rule=rule(cast), **SAYS)


def test_nothing_is_taken_before_both_warnings(cast: Cast, allocation: Allocation) -> None:
    case = warned(cast, allocation)
    with pytest.raises(DatabaseError), transaction.atomic():
        ReclaimCase.objects.filter(pk=case.pk).update(state="taken", taken_gpu_seconds=1)


def test_a_new_installation_has_rules_that_wait(db: None) -> None:
    seed(ReclaimRule, ReclaimRuleVersion)
    seed(ReclaimRule, ReclaimRuleVersion)
    assert ReclaimRule.objects.count() == 2
    assert not ReclaimRuleVersion.objects.filter(enforced=True).exists()
