"""Recording what ties people to a request before they have a say about it, whatever track it is on."""

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any, cast

from django.db import transaction
from django.db.models import Q

from allocations.awards.models import Allocation
from allocations.programme.models import AllocationRequest, Conflict, RequestStep
from allocations.programme.policies import DECIDERS
from allocations.programme.services.announce import holders_of
from allocations.programme.ties import Ties
from portal.foundation.errors import NotAllowed
from portal.foundation.services import audit
from portal.people.models import Deputy, User
from portal.people.policies import is_decider

About = Callable[..., Iterable[AllocationRequest]]


@transaction.atomic
def ties_record(*, request: AllocationRequest, users: Collection[User]) -> list[Conflict]:
    """Write down every tie between `request` and `users` that isn't yet. Returns the new rows.

    From then on the database refuses their words about it, unless the tie is only potential.
    """
    ties = Ties(request, users)
    known = set(Conflict.objects.filter(request=request, user__in=users).values_list("user", "kind"))
    found = []
    for user in sorted(users, key=lambda user: user.pk):
        for tie in ties.of(user):
            if (user.pk, tie.kind) in known:
                continue
            # Somebody else may write it down at the same moment.
            conflict, is_new = Conflict.objects.get_or_create(
                request=request,
                user=user,
                kind=tie.kind,
                defaults={"severity": tie.severity, "found": True},
            )
            if is_new:
                after = {"user": user.code, "kind": conflict.kind, "severity": conflict.severity}
                audit.record(actor=None, action="conflict_find", target=request, after=after)
                found.append(conflict)
    return found


def has_a_say[**P, R](about: About) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For services by which `actor` has a say (decorator): one transaction each, begun with their ties.

    `about` tells from a service's keywords which requests it is about. What ties who is refused stays on
    record although their word doesn't: from then on the request is hidden from them.
    """

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        @wraps(service)
        def spoken(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                with transaction.atomic():
                    return service(*args, **kwargs)
            except NotAllowed:
                actor = cast(User, kwargs["actor"])
                if any(is_decider(person) for person in (actor, *actor.principals)):
                    ties_of_speaker(actor, about(**kwargs))
                raise

        return spoken

    return decorate


def of_request(*, request: AllocationRequest, **_: Any) -> list[AllocationRequest]:
    """What a service is about that takes the request itself."""
    return [request]


def ties_of_speaker(actor: User, requests: Iterable[AllocationRequest]) -> None:
    """Before a word: what ties `actor`, and those in whose seat they may speak, to each of `requests`."""
    for request in requests:
        ties_record(request=request, users=[actor, *actor.principals])


def ties_of_holders(step: RequestStep) -> None:
    """When a step begins to wait for people: what ties those whom it waits for, and all who may decide."""
    deciders = User.objects.filter(programme_roles__role__in=DECIDERS, is_active=True)
    deputies = Deputy.objects.in_force().filter(person__in=deciders.values("pk")).values("deputy")
    people = User.objects.filter(
        Q(pk__in=deciders.values("pk")) | Q(pk__in=deputies) | Q(pk__in=holders_of(step).values("pk"))
    )
    ties_record(request=step.request, users=list(people.order_by("pk")))


def requests_behind(*allocations: Allocation | None) -> list[AllocationRequest]:
    """The requests whose awards feed any of `allocations`."""
    fed = [allocation for allocation in allocations if allocation is not None]
    behind = AllocationRequest.objects.filter(decisions__fulfilments__award__allocation__in=fed)
    return list(behind.select_related("project", "requested_by").distinct().order_by("pk"))
