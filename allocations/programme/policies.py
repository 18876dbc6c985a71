"""Who may do what to a request."""

from collections.abc import Callable, Iterable
from typing import Any

import rules

from allocations.awards.interest import has_interest
from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    Decision,
    RequestStep,
    SiteConsent,
    TrackStep,
)
from allocations.programme.selectors import CHECKS
from allocations.programme.transitions import PENDING, REQUEST, RequestState, StepState
from allocations.projects.policies import is_managing, is_member
from allocations.projects.selectors import is_student
from datacenters.policies import seated_at, seats_at
from portal.foundation import policies
from portal.people.models import ProgrammeRole, User
from portal.people.policies import is_admin, seat_of

ADMINS = frozenset({ProgrammeRole.Role.ADMIN.value})
DECIDERS = {ProgrammeRole.Role.ADMIN.value, ProgrammeRole.Role.COUNCIL.value}
EDITABLE = {RequestState.DRAFT, RequestState.RETURNED}
DECIDED = {RequestState.APPROVED, RequestState.DECLINED}

Bar = Callable[[Any, AllocationRequest], bool]
# By the relation of a request that is read, so that lists can fetch it at once.
_bars: dict[str, Bar] = {}


def bars(relation: str) -> Callable[[Bar], Bar]:
    """Register who may not decide about a request for what they are to it in a room above (decorator)."""

    def register(bar: Bar) -> Bar:
        _bars[relation] = bar
        return bar

    return register


def barring() -> list[str]:
    """The relations of a request by which people are barred from deciding."""
    return list(_bars)


def is_barred(user: Any, request: AllocationRequest) -> bool:
    """Whether a room above keeps `user` from deciding about `request`."""
    return any(bar(user, request) for bar in _bars.values())


def roles_for(request: AllocationRequest) -> set[str]:
    """The programme's roles that decide about `request`, as its version says."""
    roles: list[str] = next(
        (
            step.step.roles
            for step in request.steps.all()
            if step.round == request.round and step.kind == TrackStep.Kind.DECISION
        ),
        [],
    )
    return set(roles) - {TrackStep.SITE} or set(DECIDERS)


def seat_in(user: Any, request: AllocationRequest) -> User | None:
    """In whose seat `user` decides about `request`: their own, or that of somebody they stand in for.

    None where neither may: without the role, with an interest, a conflict, a word already given, or barred.
    A deputy must be free of all that as well.
    """
    roles = roles_for(request)
    seats = (person for person in (user, *user.principals) if person.roles & roles)
    return next((seat for seat in seats if all(_is_free(each, request) for each in {user, seat})), None)


def seat_for_check(user: Any, request: AllocationRequest) -> User | None:
    """In whose seat `user` closes the open check; once it is overdue, admins may take it over.

    None where it waits for somebody else, or where either has an interest or a conflict.
    """
    step = _open_step(request)
    if step is None or step.kind not in CHECKS:
        return None
    seats = _with_role(user, {*step.step.roles, *(ADMINS if step.escalated_at else ())})
    if TrackStep.SITE in step.step.roles:
        sites = {line.target.site for line in request.lines.all() if line.target}
        seats += [seat for site in sites for seat in seats_at(user, site)]
    return _independent_seat(user, seats, request)


def seat_for_site(user: Any, consent: SiteConsent) -> User | None:
    """In whose seat `user` answers for the site; None without one, or with an interest or a conflict."""
    return _independent_seat(user, seats_at(user, consent.site), consent.request)


def seat_to_take_over(user: Any, consent: SiteConsent) -> User | None:
    """In which admin's seat `user` answers for a site that stayed silent beyond its time."""
    if not consent.is_overdue:
        return None
    return _independent_seat(user, _with_role(user, ADMINS), consent.request)


def _with_role(user: Any, roles: Iterable[str]) -> list[User]:
    wanted = set(roles)
    return [person for person in (user, *user.principals) if person.roles & wanted]


def _independent_seat(user: Any, seats: Iterable[User], request: AllocationRequest) -> User | None:
    """The first of `seats` from which a word may come: neither they nor `user` are tied to the request."""
    return next((seat for seat in seats if all(is_independent(each, request) for each in {user, seat})), None)


def has_conflict(user: Any, request: AllocationRequest) -> bool:
    """Whether a real or apparent conflict of interest stands on record."""
    return any(
        conflict.user_id == user.pk and conflict.severity in Conflict.BLOCKING
        for conflict in request.conflicts.all()
    )


def _is_free(user: Any, request: AllocationRequest) -> bool:
    return not (
        _has_spoken(user, request)
        or _has_interest(user, request)
        or has_conflict(user, request)
        or is_barred(user, request)
    )


def _has_interest(user: Any, request: AllocationRequest) -> bool:
    return request.requested_by_id == user.pk or has_interest(user, request.project)


def _has_spoken(user: Any, request: AllocationRequest) -> bool:
    """Whether `user` decided in this round, or in one that ended in a decline which was appealed.

    Once the request is decided that keeps nobody: it is the state then that says no.
    """
    if request.state not in PENDING:
        return False
    words = list(request.decisions.all())
    rounds = {word.round for word in words if word.outcome == Decision.Outcome.DECLINED} | {request.round}
    return any(
        word.round in rounds and user.pk in {word.decided_by_id, word.on_behalf_of_id} for word in words
    )


def _open_step(request: AllocationRequest) -> RequestStep | None:
    """The step that the request stood at when its steps were read."""
    return next((step for step in request.steps.all() if step.state == StepState.OPEN), None)


def _check_is_open(request: AllocationRequest) -> bool:
    step = _open_step(request)
    return step is not None and step.kind in CHECKS


@rules.predicate
def leads_its_project(user: Any, request: AllocationRequest | None) -> bool:
    return request is not None and bool(is_managing(user, request.project))


@rules.predicate
def is_decider(user: Any) -> bool:
    """Whether `user` decides about requests, by role or as a deputy."""
    return seat_of(user, DECIDERS) is not None


@rules.predicate
def is_independent(user: Any, request: AllocationRequest | None) -> bool:
    """Nobody decides about their own request, nor their own project's or organisation's."""
    return request is not None and not _has_interest(user, request) and not has_conflict(user, request)


@rules.predicate
def has_a_seat(user: Any, request: AllocationRequest | None) -> bool:
    return request is not None and seat_in(user, request) is not None


@rules.predicate
def holds_the_check(user: Any, request: AllocationRequest | None) -> bool:
    """Whether the open check waits for `user`, or for somebody in whose seat they may close it."""
    return request is not None and seat_for_check(user, request) is not None


@rules.predicate
def speaks_for_site(user: Any, consent: SiteConsent | None) -> bool:
    return consent is not None and seat_for_site(user, consent) is not None


@rules.predicate
def takes_site_over(user: Any, consent: SiteConsent | None) -> bool:
    return consent is not None and seat_to_take_over(user, consent) is not None


@rules.predicate
def answers_for_some_site(user: Any) -> bool:
    return bool(seated_at(user).exists())


def may_read_internal(user: Any, request: AllocationRequest) -> bool:
    """Whether `user` deals with the request by duty and without an interest: never with a first draft."""
    if request.submitted_at is None:
        return False
    by_duty = (
        bool(is_decider(user)) or bool(holds_the_check(user, request)) or _speaks_for_a_site(user, request)
    )
    return by_duty and bool(is_independent(user, request))


def words_for(user: Any, request: AllocationRequest) -> list[Decision]:
    """The words about `request` that `user` may read.

    Until it is decided an approval is but the first of two: it is for those who deal with the request. A
    list knows who does (`selectors.with_duty`).
    """
    words = list(request.decisions.all())
    told = [word for word in words if word.outcome != Decision.Outcome.APPROVED]
    if request.state in DECIDED or len(told) == len(words):
        return words
    deals = getattr(request, "deals", None)
    return words if (may_read_internal(user, request) if deals is None else deals) else told


def _speaks_for_a_site(user: Any, request: AllocationRequest) -> bool:
    return any(
        consent.round == request.round and seats_at(user, consent.site) for consent in request.consents.all()
    )


@rules.predicate
def takes_part(user: Any, request: AllocationRequest | None) -> bool:
    """Whether `user` works on the project, not as a student, or deals with the request by duty."""
    if request is None:
        return False
    works = bool(is_member(user, request.project)) and not is_student(user, request.project)
    return works or may_read_internal(user, request)


@rules.predicate
def waits_for_no_check(user: Any, request: AllocationRequest | None) -> bool:
    """Whether it is the state of the request, not the person, that keeps a check from being closed."""
    return request is not None and not _check_is_open(request) and may_read_internal(user, request)


@rules.predicate
def deals_with(user: Any, request: AllocationRequest | None) -> bool:
    """Whether `user` may be asked for a word about the request."""
    return request is not None and may_read_internal(user, request)


rules.add_perm("programme.add_request", is_managing)
rules.add_perm("programme.write_request", leads_its_project)
rules.add_perm("programme.decide_requests", is_decider)
# What waits for somebody's word: the list and its figure in the menu.
rules.add_perm("programme.see_pending", is_decider | answers_for_some_site)
rules.add_perm("programme.decide_request", is_decider & has_a_seat)
rules.add_perm("programme.check_request", holds_the_check | waits_for_no_check)
rules.add_perm("programme.answer_for_site", speaks_for_site | takes_site_over)
rules.add_perm("programme.talk_about_request", takes_part)
rules.add_perm("programme.declare_conflict", deals_with)
# Tracks, calls and rubrics.
rules.add_perm("programme.administer", is_admin)

PERMISSION_OF = {
    "submit": "programme.write_request",
    "withdraw": "programme.write_request",
    "approve": "programme.decide_request",
    "decline": "programme.decide_request",
    "return": "programme.decide_request",
    "check": "programme.check_request",
}


def actions_for(user: Any, request: AllocationRequest) -> list[str]:
    """What `user` may do to `request` now: the table of states, less what the rules forbid."""
    possible = [action for action in REQUEST.actions_from(request.state) if action in PERMISSION_OF]
    granted = {
        permission: policies.allowed(user, permission, request)
        for permission in {PERMISSION_OF[action] for action in possible}
    }
    actions = [action for action in possible if granted[PERMISSION_OF[action]]]
    if request.state in EDITABLE and "submit" in actions:
        actions.insert(0, "edit")
    if request.state in PENDING:
        step = _open_step(request)
        if "approve" in actions and step is not None and step.kind != TrackStep.Kind.DECISION:
            actions.remove("approve")
        if _check_is_open(request) and policies.allowed(user, "programme.check_request", request):
            actions.append("check")
        if any(
            policies.allowed(user, "programme.answer_for_site", consent)
            for consent in request.consents.all()
            if consent.round == request.round
        ):
            actions.append("answer_for_site")
    return actions
