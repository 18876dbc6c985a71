"""Who reviews a request: asking, replacing, giving more time; and what opening a review step does."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest, RequestStep, Rubric
from allocations.programme.services.steps import take_up
from allocations.programme.services.ties import ties_record
from allocations.reviews.fitting import Candidate, proposed
from allocations.reviews.models import Review
from allocations.reviews.selectors import candidates_for, open_review_step, reviewers, rules
from allocations.reviews.services._gate import leave, locked, locked_request, note, require_open
from allocations.reviews.services.announce import tell_admins_wanted, tell_reviewer
from allocations.reviews.thresholds import passed
from allocations.reviews.transitions import ReviewState
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.people.models import User

SHORTEST = timedelta(days=2)  # Nobody is asked for a review until tomorrow.
LONGEST = timedelta(days=180)


@transaction.atomic
def reviews_open(*, step: RequestStep) -> None:
    """A review step has begun: find conflicts, then ask the best who are free, or let an admin confirm them.

    By rule where the step needs at most as many reviewers as the rules of review say, and as many are free.
    """
    ties_record(request=step.request, users=list(reviewers().order_by("pk")))
    _fill(step, why="opened")


@transaction.atomic
def reviewers_invite(
    *, actor: Any, request: AllocationRequest, users: Collection[User], due_on: date | None = None
) -> list[Review]:
    """Ask `users` for a review until `due_on` (else: until the step is due).

    For programme admins without a conflict. Raises InvalidInput for somebody who may not review it or a day
    that doesn't do, IllegalState where no review is under way, NotAllowed, SecondFactorNeeded.
    """
    request = locked_request(request.pk)
    _require_assigner(actor, request)
    step = _require_step(request)
    if not users:
        raise InvalidInput(
            _("Nobody is chosen."), field="reviewers", remedy=_("Choose at least one reviewer.")
        )
    ties_record(request=request, users=users)
    known = {candidate.user.pk: candidate for candidate in candidates_for(request)}
    for user in users:
        _require_may_review(known.get(user.pk), user)
    return _ask(actor, step, users, due_on)


@transaction.atomic
def review_replace(*, actor: Any, review: Review, by: User | None = None, reason: str) -> Review | None:
    """Take an open review from its reviewer and ask `by` instead, if named. Refuses as `reviewers_invite`."""
    review = locked(review)
    _require_manager(actor, review)
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=_("It is kept in the audit."))
    leave(review, Review.Left.REPLACED, actor=actor, action="review_replace", reason=reason)
    tell_reviewer(review, "replaced")
    if by is None:
        return None
    return reviewers_invite(actor=actor, request=review.request, users=[by])[0]


@transaction.atomic
def review_extend(*, actor: Any, review: Review, due_on: date) -> Review:
    """Give a reviewer until `due_on`. For programme admins; raises InvalidInput, IllegalState, NotAllowed."""
    review = locked(review)
    _require_manager(actor, review)
    require_open(review)
    _check_day(due_on)
    if due_on <= review.due_on:
        raise InvalidInput(
            _("It is due later than that already."), field="due_on", remedy=_("Choose a later day.")
        )
    before = review.snapshot("due_on")
    review.due_on = due_on
    review.reminders = passed(due_on)
    review.store("due_on", "reminders")
    note(actor, "review_extend", review, before=before)
    tell_reviewer(review, "extended")
    return review


def replacement_seek(review: Review, *, why: str) -> None:
    """Somebody left: ask the next by rule, or tell the programme admins."""
    step = open_review_step(review.request)
    if step is not None:
        step.request = review.request
        _fill(step, why=why)


def missing_of(step: RequestStep) -> int:
    """How many reviewers the step still lacks: wanted, less those who were asked or have submitted."""
    counted = Review.objects.filter(
        request=step.request_id,
        round=step.round,
        state__in=[ReviewState.ASSIGNED, ReviewState.SUBMITTED],
    )
    return max(step.step.persons - counted.count(), 0)


def _fill(step: RequestStep, *, why: str) -> None:
    """Ask who is missing by rule, where the rule allows it and enough are free; else tell the admins."""
    missing = missing_of(step)
    if not missing:
        return
    if step.step.persons <= rules().automatic_up_to:
        best: Sequence[Candidate] = proposed(candidates_for(step.request), missing)
        if len(best) == missing:
            _ask(None, step, [candidate.user for candidate in best], None)
            return
    tell_admins_wanted(step.request, missing=missing, why=why)


def _ask(actor: User | None, step: RequestStep, users: Collection[User], due_on: date | None) -> list[Review]:
    request = step.request
    due_on = due_on or _day_of(step)
    _check_day(due_on)
    asked = []
    for user in users:
        review = Review.objects.create(
            request=request,
            round=step.round,
            step=step,
            rubric=rubric_of(request),
            reviewer=user,
            due_on=due_on,
            invited_at=clock.now(),
            reminders=passed(due_on),
        )
        note(actor, "review_invite", review)
        tell_reviewer(review, "invited")
        asked.append(review)
    take_up(request)
    return asked


def rubric_of(request: AllocationRequest) -> Rubric:
    """What is scored: the call's rubric, else the track's, else the newest. Raises IllegalState for none."""
    version = request.track_version
    rubric = (
        (request.call.rubric if request.call else None)
        or (version.rubric if version else None)
        or Rubric.objects.first()
    )
    if rubric is None:
        raise IllegalState(_("There is no rubric yet."), remedy=_("A programme admin makes one."))
    return rubric


def _day_of(step: RequestStep) -> date:
    """The day on which the step is due, but never sooner than in two days."""
    soonest = clock.today() + SHORTEST
    return max(clock.day_of(step.due_at), soonest) if step.due_at else soonest


def _check_day(day: date) -> None:
    if not clock.today() <= day <= clock.today() + LONGEST:
        raise InvalidInput(
            _("Choose a day from today on, within half a year."), field="due_on", figures={"due_on": str(day)}
        )


def _require_may_review(candidate: Candidate | None, user: User) -> None:
    if candidate is not None and candidate.may_review:
        return
    if candidate is None:
        why = _("%(name)s isn't a reviewer.")
    elif candidate.asked:
        why = _("%(name)s was asked in this round already.")
    elif candidate.decides:
        why = _("%(name)s decides about requests, or sees this one by another role: nobody does both.")
    else:
        why = _("%(name)s has a conflict of interest.")
    raise InvalidInput(why % {"name": user}, field="reviewers", remedy=_("Choose somebody else."))


def _require_step(request: AllocationRequest) -> RequestStep:
    step = open_review_step(request)
    if step is None:
        raise IllegalState(
            _("No review of this request is under way."),
            remedy=_("Reviewers can be asked while the step “Merit review” is open."),
        )
    step.request = request
    return step


def _require_assigner(actor: Any, request: AllocationRequest) -> None:
    require(actor, "reviews.assign", request, message=_only_admins())
    require_second_factor(actor)


def _require_manager(actor: Any, review: Review) -> None:
    require(actor, "reviews.manage", review, message=_only_admins())
    require_second_factor(actor)


def _only_admins() -> str:
    return _("Only programme admins without a conflict of interest say who reviews a request.")
