"""Changes: asked for in four verbs, granted by rule or decided by people, carried out."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED
from allocations.ledger.selectors import balances
from allocations.lifecycle.change_rules import awarded_in_all, judge, kind_of, persons_for
from allocations.lifecycle.models import ChangeDecision, ChangeKind, ChangeRequest
from allocations.lifecycle.policies import is_decider, seat_for_change
from allocations.lifecycle.services.announce import tell_deciders, tell_declined, tell_second
from allocations.lifecycle.services.effects import carry_out
from allocations.lifecycle.services.reports import version_of
from allocations.lifecycle.transitions import CHANGE, ChangeState
from allocations.programme.checks import longest_until
from allocations.programme.models import AllocationRequest
from allocations.programme.services import request_create
from allocations.programme.services.ties import has_a_say, requests_behind, ties_of_speaker
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.formats import hours
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.services.sweeps import tried
from portal.people.models import User

VERBS = ("more", "longer", "move", "give_back")
Outcome = ChangeDecision.Outcome


@transaction.atomic
def change_ask(
    *,
    actor: User,
    allocation: Allocation,
    verb: str,
    reason: str,
    gpu_seconds: int | None = None,
    ends_on: date | None = None,
    target: Allocation | None = None,
) -> ChangeRequest:
    """Ask for a change in one of the four verbs; what a rule grants is done when this returns.

    More and give back take `gpu_seconds`, longer a new last day, move both an amount and another allocation
    of the project (on another resource one GPU-hour counts as one). What isn't free by rule waits for people.
    Raises NotAllowed unless `actor` leads the project, InvalidInput, IllegalState (ended, or one of the kind
    is open already), and Refused: `over_available` for more than there is, `beyond_track` for a supplement
    that belongs to a larger track, whose way is a request with `renews`.
    """
    if verb == "more":
        _lock_requests(allocation)
    allocation = _locked(allocation)
    require(actor, "lifecycle.ask_change", allocation, message=_only_leads())
    kind = kind_of(allocation, verb, gpu_seconds=gpu_seconds)
    _check(allocation, kind, gpu_seconds, ends_on, target, reason)
    verdict = judge(allocation, kind, gpu_seconds=gpu_seconds, ends_on=ends_on, target=target)
    fields: dict[str, Any] = {
        "allocation": allocation,
        "kind": kind,
        "gpu_seconds": gpu_seconds,
        "ends_on": ends_on,
        "ended_on": allocation.ends_on if ends_on else None,
        "target": target,
        "reason": reason.strip(),
        "requested_by": actor,
    }
    if verdict.persons == 0:
        try:
            with transaction.atomic():
                return _at_once(ChangeRequest.objects.create(**fields, persons=0), actor)
        except Refused as refusal:
            if kind not in (ChangeKind.SUPPLEMENT, ChangeKind.EXTENSION) or refusal.code == "over_available":
                raise
            # People may find room, or say which other allocation has to make it.
            verdict.persons = persons_for(allocation, kind, gpu_seconds)
            verdict.beyond.append(str(refusal.message))
    change = ChangeRequest.objects.create(
        **fields, persons=verdict.persons, beyond_rule="\n".join(verdict.beyond)
    )
    _audit(change, "request", actor, {}, reason=change.reason)
    tell_deciders(change)
    return change


@transaction.atomic
def change_withdraw(*, actor: User, change: ChangeRequest) -> ChangeRequest:
    """Take back what isn't decided yet. Raises NotAllowed, IllegalState."""
    change = locked(change)
    require(actor, "lifecycle.withdraw_change", change, message=_only_leads())
    _step(change, "withdraw", actor)
    return change


def _about(*, change: ChangeRequest, **_: Any) -> list[AllocationRequest]:
    return requests_behind(change.allocation, change.target)


@has_a_say(_about)
def change_decide(*, actor: User, change: ChangeRequest, outcome: str, reason: str = "") -> ChangeRequest:
    """Approve a change or decline it, which needs a reason. The last approval that is needed carries it out.

    Raises NotAllowed (not a decider, or with an interest, a conflict or a word already given),
    SecondFactorNeeded, IllegalState, InvalidInput, and Refused (`over_capacity`, `over_available`,
    `beyond_track`, a quota's) where it can't be carried out.
    """
    change = locked(change)
    ties_of_speaker(actor, _about(change=change))
    message = None
    if is_decider(actor):
        message = _(
            "Nobody decides about their own request, nor their own project's or organisation's, "
            "nor after a conflict of interest, nor twice."
        )
    require(actor, "lifecycle.decide_change", change, message=message)
    require_second_factor(actor)
    CHANGE.target(state=change.state, action="approve" if outcome == Outcome.APPROVED else "decline")
    if outcome == Outcome.DECLINED and not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say what would have to be different.")
        )
    seat = seat_for_change(actor, change)
    ChangeDecision.objects.create(
        change=change,
        round=change.round,
        decided_by=actor,
        on_behalf_of=None if seat == actor else seat,
        outcome=outcome,
        reason=reason.strip(),
    )
    if outcome == Outcome.DECLINED:
        _step(change, "decline", actor, reason=reason.strip())
        tell_declined(change, reason.strip())
    elif _approvals(change) < change.persons:
        _audit(change, "propose", actor, {}, reason=reason.strip())
        tell_second(change, actor)
    else:
        if change.kind == ChangeKind.SUPPLEMENT:  # the room may have gone since it was asked for
            _lock_requests(change.allocation)
            _check_track(change.allocation, change.gpu_seconds or 0)
        carry_out(change, actor)
        _step(change, "approve", actor, reason=reason.strip())
    return change


@transaction.atomic
def renewal_begin(
    *,
    actor: User,
    allocation: Allocation,
    gpu_seconds: int,
    ends_on: date,
    reason: str,
) -> AllocationRequest:
    """Longer with an amount: a draft of a request that renews the allocation, filled in, reviewed like new.

    Its period begins on the day after the allocation's last, or today. Raises as `request_create` does.
    """
    require(actor, "lifecycle.ask_change", allocation, message=_only_leads())
    starts_on = max(date.fromordinal(allocation.ends_on.toordinal() + 1), clock.today())
    return request_create(
        actor=actor,
        project=allocation.project,
        resource=allocation.resource,
        gpu_seconds=gpu_seconds,
        starts_on=starts_on,
        ends_on=ends_on,
        justification=reason.strip(),
        renews=allocation,
    )


def changes_lapse() -> int:
    """Changes of allocations that have ended wait for nobody any more. Returns how many lapsed."""
    over = ChangeRequest.objects.filter(state=ChangeState.REQUESTED, allocation__state__in=ENDED)
    return sum(tried(_lapse, change) or 0 for change in over)


@transaction.atomic
def _lapse(change: ChangeRequest) -> bool:
    change = locked(change)
    if change.state != ChangeState.REQUESTED or change.allocation.state not in ENDED:
        return False
    _step(change, "lapse", None)
    return True


def locked(change: ChangeRequest) -> ChangeRequest:
    """The change as it stands now, nobody else changing it until the transaction ends."""
    return (
        ChangeRequest.objects.select_for_update(of=("self",))
        .select_related(
            "allocation__project__organisation",
            "allocation__resource__site",
            "target__resource__site",
            "requested_by",
        )
        .get(pk=change.pk)
    )


def _at_once(change: ChangeRequest, actor: User) -> ChangeRequest:
    """Carry out what needs no person's word: by rule, or by right."""
    by_right = change.kind == ChangeKind.GIVE_BACK
    if not by_right:
        ChangeDecision.objects.create(change=change, outcome=Outcome.APPROVED)
    # Whoever gives back does it; what a rule grants nobody does.
    carry_out(change, actor if by_right or change.kind == ChangeKind.TRANSFER else None)
    _step(change, "carry_out" if by_right else "approve", actor, reason=change.reason)
    return change


def _approvals(change: ChangeRequest) -> int:
    return change.decisions.filter(round=change.round, outcome=Outcome.APPROVED).count()


def _step(change: ChangeRequest, action: str, actor: User | None, *, reason: str = "") -> None:
    before = change.snapshot("state")
    change.state = CHANGE.target(state=change.state, action=action)
    change.decided_at = clock.now()
    change.store("state", "decided_at")
    _audit(change, action, actor, before, reason=reason)


def _audit(
    change: ChangeRequest, action: str, actor: User | None, before: dict[str, Any], *, reason: str = ""
) -> None:
    audit.record(
        actor=actor,
        action=f"change_{action}",
        target=change,
        before=before,
        after=change.snapshot("state", "kind", "allocation", "gpu_seconds", "ends_on", "target", "round"),
        reason=reason,
    )


def _check(
    allocation: Allocation,
    kind: ChangeKind,
    gpu_seconds: int | None,
    ends_on: date | None,
    target: Allocation | None,
    reason: str,
) -> None:
    if allocation.state in ENDED or allocation.ends_on < clock.today():
        raise IllegalState(_("This allocation has ended."), remedy=_("The project can ask for a new one."))
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say why: whoever decides reads it.")
        )
    if kind == ChangeKind.EXTENSION:
        _check_day(allocation, ends_on)
    elif not gpu_seconds or gpu_seconds <= 0:
        raise InvalidInput(
            _("The GPU-hours must be more than nothing."), field="gpu_hours", remedy=_("Give at least 0.01.")
        )
    if kind == ChangeKind.SUPPLEMENT:
        _check_track(allocation, gpu_seconds or 0)
    if kind in (ChangeKind.TRANSFER, ChangeKind.GIVE_BACK):
        _check_available(allocation, gpu_seconds or 0)
    if kind == ChangeKind.TRANSFER:
        _check_target(allocation, target)
    if ChangeRequest.objects.filter(allocation=allocation, kind=kind, state=ChangeState.REQUESTED).exists():
        raise IllegalState(
            _("A change of this kind waits for a decision already."),
            remedy=_("Withdraw it first, or wait for the decision."),
        )


def _check_day(allocation: Allocation, ends_on: date | None) -> None:
    if ends_on is None or ends_on <= allocation.ends_on:
        raise InvalidInput(
            _("The new last day must be later than %(day)s.") % {"day": allocation.ends_on}, field="ends_on"
        )
    if ends_on >= longest_until(allocation.starts_on):
        raise InvalidInput(
            _("An allocation lasts at most a year."),
            field="ends_on",
            remedy=_("Choose an earlier day, or ask for a renewal: longer, with GPU-hours."),
        )


def room_for_more(allocation: Allocation) -> int | None:
    """GPU-seconds that a supplement may come to at most; None where the track has no upper bound.

    Beyond what its track takes, the reviews and deciders of a larger one are due: that is a new request. The
    track bounds a request: all of its allocations together, with what still waits for them.
    """
    version = version_of(allocation)
    if version is None or version.max_gpu_seconds is None:
        return None
    return max(version.max_gpu_seconds - awarded_in_all(allocation), 0)


def _check_track(allocation: Allocation, gpu_seconds: int) -> None:
    most = room_for_more(allocation)
    if most is not None and gpu_seconds > most:
        raise Refused(
            _("With so much more it would exceed its track, which leaves %(most)s GPU-hours.")
            % {"most": hours(most)},
            field="gpu_hours",
            code="beyond_track",
            remedy=_("Ask for less, or begin a request that renews this allocation: it is reviewed anew."),
            figures={"wanted": gpu_seconds, "most": most, "renews": allocation.code},
        )


def _check_available(allocation: Allocation, gpu_seconds: int) -> None:
    available = balances(allocation.code).available
    if gpu_seconds > available:
        raise Refused(
            _("%(available)s GPU-hours are available: the rest is used, or held for jobs.")
            % {"available": hours(available)},
            field="gpu_hours",
            code="over_available",
            remedy=_("Choose less, or wait until jobs have ended."),
            figures={"wanted": gpu_seconds, "available": available},
        )


def _check_target(allocation: Allocation, target: Allocation | None) -> None:
    if target is None or target.pk == allocation.pk or target.project_id != allocation.project_id:
        raise InvalidInput(
            _("GPU-hours move between two allocations of the same project."),
            field="target",
            remedy=_("Choose another allocation of this project."),
        )
    if target.state in ENDED or target.ends_on < clock.today():
        raise InvalidInput(_("That allocation has ended."), field="target")
    if not target.resource.site.holds(allocation.project.data_class):
        raise InvalidInput(
            _("%(site)s isn't accredited for the project's data.") % {"site": target.resource.site},
            field="target",
            code="data_class",
        )


def _locked(allocation: Allocation) -> Allocation:
    return (
        Allocation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project__organisation", "resource__site")
        .get(pk=allocation.pk)
    )


def _lock_requests(allocation: Allocation) -> None:
    """The requests behind it, before the allocation as everywhere: nobody else adds to what they come to."""
    behind = [request.pk for request in requests_behind(allocation)]
    rows = AllocationRequest.objects.select_for_update(of=("self",), no_key=True)
    list(rows.filter(pk__in=behind).order_by("pk"))


def _only_leads() -> str:
    return _("Only a project's principal investigator and managers ask for changes.")
