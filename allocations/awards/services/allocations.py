"""The life of an allocation after its award. The bridge is told of each step and brings Slurm into line."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.services.announce import tell_members
from allocations.awards.transitions import ALLOCATION, AllocationState
from allocations.ledger import selectors as balances
from allocations.ledger import services as ledger
from allocations.ledger.models import PostingKind
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.foundation.services.sweeps import tried
from portal.people.models import User


@transaction.atomic
def allocation_activate(*, allocation: Allocation) -> Allocation:
    """Its limits were read back from Slurm: jobs may come. Called by the bridge, any number of times.

    Does nothing where the allocation is no longer being set up.
    """
    allocation = locked(allocation)
    if allocation.state != AllocationState.PROVISIONING:
        return allocation
    allocation.activated_at = clock.now()
    _step(allocation, "activate", actor=None)
    return allocation


@transaction.atomic
def allocation_suspend(*, actor: User, allocation: Allocation, reason: str) -> Allocation:
    """No job starts until it is resumed; what runs goes on. Needs a reason and a second factor."""
    return _administer(actor, allocation, "suspend", reason)


@transaction.atomic
def allocation_resume(*, actor: User, allocation: Allocation, reason: str) -> Allocation:
    """End a suspension. Needs a reason and a second factor."""
    return _administer(actor, allocation, "resume", reason)


@transaction.atomic
def allocation_revoke(*, actor: User, allocation: Allocation, reason: str) -> Allocation:
    """End it for good; what is available goes back to the pools. Needs a reason and a second factor."""
    allocation = _administer(actor, allocation, "revoke", reason)
    _return_rest(
        allocation, PostingKind.RECLAIM, key=f"reclaim:{allocation.code}", actor=actor, reason=reason
    )
    return allocation


@transaction.atomic
def allocation_expire(*, allocation: Allocation) -> Allocation:
    """Its last day is over: what is available goes back to the pools; jobs under way end on their holds.

    Raises IllegalState before that day's end.
    """
    allocation = locked(allocation)
    if allocation.ends_on >= clock.today():
        raise IllegalState(
            _("This allocation hasn't ended yet."), figures={"ends_on": str(allocation.ends_on)}
        )
    _step(allocation, "expire", actor=None)
    _return_rest(allocation, PostingKind.EXPIRE, key=f"expire:{allocation.code}", actor=None)
    return allocation


@transaction.atomic
def allocation_close(*, allocation: Allocation) -> Allocation:
    """Nothing is held on an ended allocation any more: what its last jobs left over goes back to the pools.

    Raises IllegalState where something is held.
    """
    allocation = locked(allocation)
    held = balances.balances(allocation.code).held
    if held:
        raise IllegalState(_("Jobs still hold budget of this allocation."), figures={"held": held})
    kind = PostingKind.EXPIRE if allocation.state == AllocationState.EXPIRED else PostingKind.RECLAIM
    _step(allocation, "close", actor=None)
    _return_rest(allocation, kind, key=f"close:{allocation.code}", actor=None)
    return allocation


def allocations_sweep() -> dict[str, int]:
    """Expire what has ended and close what nothing holds; each in a transaction of its own.

    Returns how many of each. May run at any time and any number of times. One that fails is logged and left
    for the next run.
    """
    ended = Allocation.objects.filter(
        state__in=["provisioning", "active", "suspended"], ends_on__lt=clock.today()
    )
    expired = sum(bool(tried(allocation_expire, allocation=allocation)) for allocation in ended)
    over = list(Allocation.objects.filter(state__in=["expired", "revoked"]))
    standing = balances.balances_of([allocation.code for allocation in over])
    unheld = [allocation for allocation in over if not standing[allocation.code].held]
    return {
        "expired": expired,
        "closed": sum(bool(tried(allocation_close, allocation=allocation)) for allocation in unheld),
    }


def _administer(actor: User, allocation: Allocation, action: str, reason: str) -> Allocation:
    allocation = locked(allocation)
    require(actor, "awards.administer_allocation", allocation)
    require_second_factor(actor)
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say why: the project's members read it.")
        )
    _step(allocation, action, actor=actor, reason=reason.strip())
    return allocation


def _step(allocation: Allocation, action: str, *, actor: User | None, reason: str = "") -> None:
    """Take one step of the state table, tell the audit, and let the bridge follow."""
    before: dict[str, Any] = allocation.snapshot("state")
    allocation.state = ALLOCATION.target(state=allocation.state, action=action)
    allocation.store("state", "activated_at")
    audit.record(
        actor=actor,
        action=f"allocation_{action}",
        target=allocation,
        before=before,
        after=allocation.snapshot("state"),
        reason=reason,
    )
    tell_members(allocation, action, reason=reason)
    if action not in {"activate", "close"}:  # Those two tell what Slurm already is.
        outbox.enqueue(
            topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code
        )


def _return_rest(
    allocation: Allocation, kind: PostingKind, *, key: str, actor: User | None, reason: str = ""
) -> None:
    """All that is available goes back to the pools, what was kept for later instalments with it."""
    if balances.withheld_of([allocation.code])[allocation.code]:
        ledger.instalment_release(
            allocation_code=allocation.code, key=f"instalment:{key}", actor=actor, reason=reason
        )
    ledger.return_post(
        allocation_code=allocation.code,
        kind=kind,
        key=key,
        actor=actor,
        reason=reason,
    )


def locked(allocation: Allocation) -> Allocation:
    """The allocation as it stands now, nobody else changing it until the transaction ends.

    No key lock: who posts to the ledger refers to the row, and mustn't wait for it.
    """
    return (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project__organisation", "resource__site")
        .get(pk=allocation.pk)
    )
