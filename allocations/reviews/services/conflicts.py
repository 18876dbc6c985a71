"""Recording what ties people to a request, before they are asked or have a say."""

from collections.abc import Collection

from django.db import transaction

from allocations.programme.models import AllocationRequest, Conflict
from allocations.programme.policies import DECIDERS
from allocations.reviews.conflicts import Ties
from allocations.reviews.selectors import reviewers
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def conflicts_record(*, request: AllocationRequest, users: Collection[User] | None = None) -> list[Conflict]:
    """Write down every tie between `request` and `users` (else: all who review or decide) that isn't yet.

    From then on the database refuses their decision and their review. Returns the new rows.
    """
    if users is None:
        deciders = User.objects.filter(programme_roles__role__in=DECIDERS, is_active=True)
        users = list((reviewers() | deciders.distinct()).order_by("pk"))
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
