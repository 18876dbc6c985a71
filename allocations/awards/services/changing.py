"""What a change does to an allocation. Who may ask and who decides is settled above; here only what holds
for everybody: the ledger adds up, the allocation hasn't ended, and the bridge hears of it by the outbox.
"""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.capacity import days_by_quarter
from allocations.awards.models import Allocation, Award
from allocations.awards.quotas.checks import quotas_check, quotas_lock
from allocations.awards.services.adjusting import award_add
from allocations.awards.services.allocations import locked
from allocations.awards.services.announce import tell_members
from allocations.awards.transitions import ENDED
from allocations.ledger import selectors as balances
from allocations.ledger import services as ledger
from allocations.ledger.models import PostingKind
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.formats import hours
from portal.foundation.services import audit, outbox
from portal.people.models import User


@transaction.atomic
def allocation_supplement(
    *,
    allocation: Allocation,
    gpu_seconds: int,
    actor: User | None,
    reason: str,
    key: str,
    by_quarter: dict[str, int] | None = None,
) -> Award | None:
    """More GPU-seconds for the rest of the period, as an award of its own; `actor` None: a rule decided.

    Returns it, or None where `key` was used before. They are spread as `by_quarter` says, else by days.
    Raises Refused (code `over_capacity`, or a quota's) and IllegalState where the allocation has ended.
    """
    allocation = _running(locked(allocation))
    before = balances.balances(allocation.code).committed
    award = award_add(
        actor=actor,
        allocation=allocation,
        gpu_seconds=gpu_seconds,
        reason=reason,
        key=key,
        by_quarter=by_quarter,
    )
    after = balances.balances(allocation.code).committed
    _tell(allocation, "supplement", actor, {"gpu_seconds": before}, {"gpu_seconds": after}, reason)
    tell_members(allocation, "raise", reason=reason, hours=hours(gpu_seconds))
    return award


@transaction.atomic
def allocation_extend(
    *, allocation: Allocation, ends_on: date, actor: User | None, reason: str, key: str
) -> Allocation:
    """A later last day, nothing more: what is available is spread anew over the days that are left.

    Later quarters give their portions and earlier ones get theirs back, so that no hour is promised twice.
    Quotas of the quarters that give are asked as for an award. Raises Refused (codes `over_capacity`,
    `over_quota`), InvalidInput for a day that isn't later, IllegalState.
    """
    allocation = _running(locked(allocation))
    if ends_on <= allocation.ends_on:
        raise InvalidInput(
            _("The allocation lasts until %(ends_on)s already.") % {"ends_on": allocation.ends_on},
            field="ends_on",
            remedy=_("Choose a later day."),
        )
    days = days_by_quarter(max(allocation.starts_on, clock.today()), ends_on)
    ledger.respread_post(
        resource=allocation.resource,
        allocation_code=allocation.code,
        days=days,
        key=key,
        actor=actor,
        reason=reason,
        check=quotas_check(allocation.project, allocation.resource, days),
    )
    before = allocation.snapshot("ends_on")
    allocation.ends_on = ends_on
    allocation.store("ends_on")
    _tell(allocation, "extend", actor, before, allocation.snapshot("ends_on"), reason)
    tell_members(allocation, "extend", reason=reason)
    return allocation


@transaction.atomic
def allocation_transfer(
    *,
    allocation: Allocation,
    target: Allocation,
    gpu_seconds: int,
    actor: User | None,
    reason: str,
    key: str,
) -> Allocation:
    """Move available GPU-seconds to another allocation of the same project, one for one.

    On the same resource they pass through the pools in one transaction; where the target lasts longer they
    are spread over its days, out of what its quarters and their quotas have free. On another they go back
    here and are awarded there, out of what is free. Raises Refused (`over_available`, `over_capacity`, or a
    quota), InvalidInput for another project's allocation, IllegalState.
    """
    both = {each.pk: _running(each) for each in _locked_all(allocation, target)}
    allocation, target = both[allocation.pk], both[target.pk]
    if allocation.project_id != target.project_id or allocation.pk == target.pk:
        raise InvalidInput(_("GPU-hours move between two allocations of the same project."), field="target")
    if allocation.resource_id == target.resource_id:
        days = days_by_quarter(max(target.starts_on, clock.today()), target.ends_on)
        ledger.transfer_post(
            resource=target.resource,
            source_code=allocation.code,
            target_code=target.code,
            gpu_seconds=gpu_seconds,
            days=days,
            key=key,
            actor=actor,
            reason=reason,
            anew=target.ends_on > allocation.ends_on,
            check=quotas_check(target.project, target.resource, days),
        )
    else:
        quotas_lock([(target.resource, max(target.starts_on, clock.today()), target.ends_on)])
        ledger.accounts_lock([allocation.code, target.code])
        ledger.return_post(
            allocation_code=allocation.code,
            kind=PostingKind.GIVE_BACK,
            key=key,
            actor=actor,
            gpu_seconds=gpu_seconds,
            reason=reason,
        )
        award_add(actor=actor, allocation=target, gpu_seconds=gpu_seconds, reason=reason, key=f"{key}/in")
    for each, action, other in ((allocation, "move_out", target), (target, "move_in", allocation)):
        moved = {"gpu_seconds": gpu_seconds, "other": other.code}
        _tell(each, action, actor, {}, moved, reason)
        tell_members(each, action, reason=reason, hours=hours(gpu_seconds))
    return allocation


@transaction.atomic
def allocation_give_back(
    *, allocation: Allocation, gpu_seconds: int, actor: User, reason: str, key: str
) -> Allocation:
    """Return available GPU-seconds to the pools before the end: others can be granted them at once.

    Raises Refused (code `over_available`) and IllegalState.
    """
    allocation = _running(locked(allocation))
    ledger.return_post(
        allocation_code=allocation.code,
        kind=PostingKind.GIVE_BACK,
        key=key,
        actor=actor,
        gpu_seconds=gpu_seconds,
        reason=reason,
    )
    _tell(allocation, "give_back", actor, {}, {"gpu_seconds": gpu_seconds}, reason)
    tell_members(allocation, "give_back", reason=reason, hours=hours(gpu_seconds))
    return allocation


@transaction.atomic
def award_withhold(*, award: Award, first_percent: int) -> int:
    """Keep what goes beyond the first instalment of a new award back. Returns how much, in GPU-seconds.

    It is granted and nobody else's, yet no job can use it until it is released. For the transaction that
    made the award: what of it repaid a debt can't be kept back.
    """
    # The first instalment is rounded up: a small award mustn't begin with nothing.
    beyond = award.gpu_seconds - -(-award.gpu_seconds * first_percent // 100)
    gpu_seconds = min(beyond, balances.balances(award.allocation.code).available)
    if gpu_seconds > 0:
        ledger.instalment_withhold(
            allocation_code=award.allocation.code,
            award_code=award.code,
            gpu_seconds=gpu_seconds,
            key=f"withhold:{award.code}",
            actor=award.decided_by,
        )
    return gpu_seconds


@transaction.atomic
def instalment_release(
    *, allocation: Allocation, gpu_seconds: int | None, actor: User | None, reason: str, key: str
) -> int:
    """Let the project use what was kept back, or `gpu_seconds` of it. Returns how much that was.

    Raises Refused (code `over_withheld`) where less is kept back, IllegalState where it has ended.
    """
    allocation = _running(locked(allocation))
    before = balances.withheld_of([allocation.code])[allocation.code]
    if gpu_seconds is None and not before:
        return 0
    ledger.instalment_release(
        allocation_code=allocation.code, key=key, actor=actor, gpu_seconds=gpu_seconds, reason=reason
    )
    after = balances.withheld_of([allocation.code])[allocation.code]
    _tell(allocation, "instalment", actor, {"withheld": before}, {"withheld": after}, reason)
    tell_members(allocation, "instalment", reason=reason, hours=hours(before - after))
    return before - after


def _running(allocation: Allocation) -> Allocation:
    """Raises IllegalState where it has ended, or its last day is over and it is about to."""
    if allocation.state in ENDED or allocation.ends_on < clock.today():
        raise IllegalState(
            _("Allocation %(code)s has ended.") % {"code": allocation.code},
            remedy=_("The project can ask for a new one."),
        )
    return allocation


def _locked_all(*allocations: Allocation) -> list[Allocation]:
    """In order of id, whoever asks."""
    return [locked(each) for each in sorted(allocations, key=lambda each: each.pk)]


def _tell(
    allocation: Allocation,
    action: str,
    actor: User | None,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
) -> None:
    """The audit, and the bridge, which brings Slurm into line."""
    audit.record(
        actor=actor,
        action=f"allocation_{action}",
        target=allocation,
        before=before,
        after=after,
        reason=reason,
    )
    outbox.enqueue(topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code)
