"""Taking back what nobody uses: each step of a case, and the nightly run through all of them."""

from collections import Counter
from datetime import datetime

from django.db import transaction

from allocations.awards.models import Allocation
from allocations.ledger import services as ledger
from allocations.ledger.models import PostingKind
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimExemption, ReclaimRuleVersion
from allocations.lifecycle.reclaim_plan import Finding, finding_for, finding_of, findings
from allocations.lifecycle.reclaim_transitions import CASE, EXEMPTION, ExemptionState
from allocations.lifecycle.services.reclaim_announce import tell
from portal.foundation import clock
from portal.foundation.services import audit, outbox
from portal.foundation.services.sweeps import tried

REASON = "Reclaimed: {used} % used at {check} % of the period"


def reclaim_run(*, at: datetime | None = None) -> dict[str, int]:
    """Do what the enforced rules ask for at `at` (now), each step in a transaction of its own.

    Returns how many of each step. May run at any time and any number of times: a step is taken once. One that
    fails is logged and left for the next run.
    """
    at = at or clock.now()
    done: Counter[str] = Counter()
    for finding in findings(at=at):
        if not finding.step or (finding.case is None and not finding.version.enforced):
            continue
        taken = tried(
            reclaim_step, version=finding.version, allocation=finding.allocation, case=finding.case, at=at
        )
        if taken:
            done[taken] += 1
    return dict(done)


@transaction.atomic
def reclaim_step(
    *, version: ReclaimRuleVersion, allocation: Allocation, case: ReclaimCase | None, at: datetime
) -> str:
    """Take the step that is due for an allocation under a rule; returns its name, empty where none is.

    Worked out anew once the rows and the ledger accounts are locked, so that a job that came meanwhile
    counts: what it holds is never taken.
    """
    Allocation.objects.select_for_update(no_key=True).get(pk=allocation.pk)
    ledger.accounts_lock([allocation.code])
    if case is None:
        if ReclaimCase.objects.filter(allocation=allocation, rule=version.rule_id).exists():
            return ""
        finding = finding_for(version, allocation, at=at)
    else:
        finding = finding_of(_locked(case), at=at)
    if step := finding.step:
        _do(step, finding)
    return step


def case_end(*, case: ReclaimCase, action: str, at: datetime) -> None:
    """Let a locked case end; a request to be exempted from it needs no answer any more."""
    case.state = CASE.target(state=case.state, action=action)
    case.ended_at = at
    case.store("state", "ended_at", "taken_gpu_seconds")
    pending = ReclaimExemption.objects.filter(case=case, state=ExemptionState.PENDING).first()
    if pending is not None:
        pending.state = EXEMPTION.target(state=pending.state, action="settle")
        pending.store("state")


def _locked(case: ReclaimCase) -> ReclaimCase:
    return (
        ReclaimCase.objects.select_for_update(of=("self",))
        .select_related(
            "rule", "version", "allocation__project__organisation", "allocation__resource__site", "exemption"
        )
        .get(pk=case.pk)
    )


def _do(step: str, finding: Finding) -> None:
    case, before = finding.case, {}
    if case is None:
        case = ReclaimCase.objects.create(
            allocation=finding.allocation,
            rule_id=finding.version.rule_id,
            version=finding.version,
            due_at=finding.due_at,
        )
    else:
        before = case.snapshot("state")
        if step == "warn_again":
            case.due_at = finding.due_at
            case.warned_again_at = finding.at
            case.state = CASE.target(state=case.state, action=step)
            case.store("state", "due_at", "warned_again_at")
        else:
            if step == "take":
                _take(case, finding)
            case_end(case=case, action=step, at=finding.at)
    audit.record(
        actor=None,
        action=f"reclaim_{step}",
        target=case,
        before=before,
        after={
            **case.snapshot("state", "due_at", "taken_gpu_seconds"),
            "allocation": finding.allocation.code,
            "used": finding.used,
            "base": finding.base,
            "outage_seconds": finding.out_seconds,
        },
    )
    tell(case, step, finding)


def _take(case: ReclaimCase, finding: Finding) -> None:
    """Post it; Slurm's limit follows by the outbox, and who waits for the resource is served by it."""
    allocation = finding.allocation
    case.taken_gpu_seconds = finding.would_take
    ledger.return_post(
        allocation_code=allocation.code,
        kind=PostingKind.RECLAIM,
        key=f"reclaim:{case.code}",
        actor=None,
        gpu_seconds=finding.would_take,
        reason=REASON.format(used=finding.used_percent, check=finding.version.check_percent),
    )
    audit.record(
        actor=None,
        action="allocation_reclaim",
        target=allocation,
        before={"gpu_seconds": finding.base},
        after={"gpu_seconds": finding.base - finding.would_take, "case": case.code},
    )
    outbox.enqueue(topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code)
