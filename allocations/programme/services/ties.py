"""Recording what ties people to a request before they have a say about it, whatever track it is on."""

from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import Q

from allocations.awards.models import Allocation
from allocations.programme.models import AllocationRequest, Conflict, RequestStep
from allocations.programme.policies import DECIDERS
from allocations.programme.services.announce import holders_of
from allocations.programme.ties import Ties
from portal.foundation.services import audit
from portal.people.models import Deputy, User


@transaction.atomic
def ties_record(*, request: AllocationRequest, users: Collection[User]) -> list[Conflict]:
    """Write down every tie between `request` and `users` that isn't yet. Returns the new rows.

    From then on the database refuses their words about it, unless the tie is only potential.
    """
    ties = Ties(request, users)
    known = set(Conflict.objects.filter(request=request, user__in=users).values_list("user", "kind"))
    found = Conflict.objects.bulk_create(
        Conflict(request=request, user=user, kind=tie.kind, severity=tie.severity, found=True)
        for user in users
        for tie in ties.of(user)
        if (user.pk, tie.kind) not in known
    )
    for conflict in found:
        after = {"user": conflict.user.code, "kind": conflict.kind, "severity": conflict.severity}
        audit.record(actor=None, action="conflict_find", target=request, after=after)
    return found


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


def requests_behind(allocation: Allocation) -> list[AllocationRequest]:
    """The requests whose awards feed `allocation`."""
    behind = AllocationRequest.objects.filter(decisions__fulfilments__award__allocation=allocation)
    return list(behind.select_related("project", "requested_by").distinct())
