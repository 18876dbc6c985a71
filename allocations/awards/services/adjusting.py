"""Raising and lowering what was awarded."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.capacity import portions
from allocations.awards.models import Allocation, Award
from allocations.awards.quotas.checks import require_within
from allocations.awards.services.announce import tell_members
from allocations.awards.transitions import ENDED
from allocations.ledger import selectors as balances
from allocations.ledger import services as ledger
from allocations.ledger.models import Posting, PostingKind
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.formats import hours
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User


@transaction.atomic
def allocation_adjust(
    *, actor: User, allocation: Allocation, gpu_seconds: int, reason: str, key: str
) -> Allocation:
    """Add `gpu_seconds` to an allocation, or take them back where they are negative. For admins.

    What is added comes out of the resource's free capacity, by days over what is left of the period, as an
    award of its own. What is taken back was available: neither held for jobs nor spent. The same `key` a
    second time does nothing. The bridge hears of it by the outbox. Raises NotAllowed, SecondFactorNeeded,
    InvalidInput, IllegalState (ended), and Refused (codes `over_capacity`, `over_quota`; `over_available`
    with the most that can be taken).
    """
    allocation = (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project__organisation", "resource__site")
        .get(pk=allocation.pk)
    )
    require(actor, "awards.adjust_allocation", allocation)
    require_second_factor(actor)
    _check(allocation, gpu_seconds, reason)
    before = balances.balances(allocation.code).committed
    posting = f"adjust:{allocation.code}:{key}"
    if gpu_seconds > 0:
        award_add(
            actor=actor, allocation=allocation, gpu_seconds=gpu_seconds, reason=reason.strip(), key=posting
        )
    else:
        _lower(actor, allocation, -gpu_seconds, reason.strip(), posting)
    after = balances.balances(allocation.code).committed
    if before == after:
        return allocation  # the key was used before: it was done then
    audit.record(
        actor=actor,
        action="allocation_adjust",
        target=allocation,
        before={"gpu_seconds": before},
        after={"gpu_seconds": after},
        reason=reason.strip(),
    )
    tell_members(
        allocation,
        "raise" if gpu_seconds > 0 else "lower",
        reason=reason.strip(),
        hours=hours(abs(gpu_seconds)),
    )
    outbox.enqueue(topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code)
    return allocation


def _check(allocation: Allocation, gpu_seconds: int, reason: str) -> None:
    if not gpu_seconds:
        raise InvalidInput(
            _("This changes nothing."),
            field="gpu_hours",
            remedy=_("Give the GPU-hours to add, or with a minus sign those to take back."),
        )
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say why: the project's members read it.")
        )
    if allocation.state in ENDED or allocation.ends_on < clock.today():
        raise IllegalState(_("This allocation has ended."), remedy=_("The project can ask for a new one."))


def award_add(
    *,
    actor: User | None,
    allocation: Allocation,
    gpu_seconds: int,
    reason: str,
    key: str,
    by_quarter: dict[str, int] | None = None,
) -> Award | None:
    """Award `gpu_seconds` more to an allocation that is locked, over what is left of its period.

    As `by_quarter` says, else by days. Does nothing under a `key` that was used, and returns None then.
    `actor` None: a rule decided. Raises Refused (`over_capacity`, `over_quota`).
    """
    starts_on = max(allocation.starts_on, clock.today())
    spread = portions(
        gpu_seconds=gpu_seconds, starts_on=starts_on, ends_on=allocation.ends_on, by_quarter=by_quarter
    )
    if not Posting.objects.filter(key=key).exists():  # what was done already needs no room
        require_within(project=allocation.project, resource=allocation.resource, portions=spread)
    granted = balances.balances(allocation.code).granted
    ledger.award_post(
        resource=allocation.resource,
        allocation_code=allocation.code,
        portions=spread,
        key=key,
        actor=actor,
        reason=reason,
    )
    if balances.balances(allocation.code).granted <= granted:
        return None
    return Award.objects.create(
        allocation=allocation,
        gpu_seconds=gpu_seconds,
        starts_on=starts_on,
        ends_on=allocation.ends_on,
        decided_by=actor,
        reason=reason,
    )


def _lower(actor: User, allocation: Allocation, gpu_seconds: int, reason: str, key: str) -> None:
    try:
        ledger.return_post(
            allocation_code=allocation.code,
            kind=PostingKind.RECLAIM,
            key=key,
            actor=actor,
            gpu_seconds=gpu_seconds,
            reason=reason,
        )
    except Refused as refusal:
        if refusal.code != "over_available":
            raise
        most = refusal.figures["available"]
        raise Refused(
            _("At most %(most)s GPU-hours can be taken back: the rest is used or held for jobs.")
            % {"most": hours(most)},
            field="gpu_hours",
            code="over_available",
            remedy=_("Take back less, or wait until jobs have ended."),
            figures={"wanted": gpu_seconds, "most": most},
        ) from refusal
