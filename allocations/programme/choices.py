"""What may be chosen in a request, and what the system knows already when it is begun."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.selectors import with_balances
from allocations.programme.models import (
    AllocationRequest,
    Attachment,
    Call,
    Track,
    TrackStep,
    TrackVersion,
)
from allocations.programme.selectors import projects_led_by, visible_to
from allocations.programme.tracks import versions_in_force
from allocations.projects.models import Project
from portal.foundation import clock
from portal.foundation.formats import hours


def tracks_to_choose() -> QuerySet[Track]:
    """The tracks that no request finds by its size."""
    chosen = [version.track_id for version in versions_in_force() if version.by_choice]
    return Track.objects.filter(pk__in=chosen)


def open_calls(request: AllocationRequest | None = None) -> QuerySet[Call]:
    """The calls that take requests now; the one that `request` named stays."""
    now = clock.now()
    calls = Call.objects.filter(published_at__isnull=False, opens_at__lte=now, closes_at__gt=now)
    return calls | Call.objects.filter(pk=request.call_id) if request and request.call_id else calls


def renewable_by(user: Any) -> QuerySet[Allocation]:
    """The allocations of the projects that `user` leads, the latest first."""
    return (
        Allocation.objects.filter(project__in=projects_led_by(user).order_by())
        .select_related("project", "resource__site")
        .order_by("-ends_on", "-id")
    )


def attachments_visible_to(user: Any) -> QuerySet[Attachment]:
    """What was handed in with requests that the viewer sees, less what was taken away again."""
    return Attachment.objects.filter(removed_at__isnull=True, request__in=visible_to(user).values("pk"))


def prior_usage_of(project: Project) -> str:
    """What the project was given before and what it used of that, a line an allocation."""
    held = project.allocations.select_related("resource__site").order_by("starts_on")
    return "\n".join(
        _("%(code)s, %(resource)s, %(start)s to %(end)s: %(used)s of %(granted)s GPU-hours used")
        % {
            "code": allocation.code,
            "resource": allocation.resource,
            "start": allocation.starts_on,
            "end": allocation.ends_on,
            "used": hours(balance.spent),
            "granted": hours(balance.granted),
        }
        for allocation, balance in with_balances(held)
    )


def by_rule(version: TrackVersion) -> bool:
    """Whether requests of this version are decided by a rule."""
    return any(
        step.kind == TrackStep.Kind.DECISION and step.by == TrackStep.By.RULE for step in version.steps.all()
    )


def quick_version() -> TrackVersion | None:
    """The version that the short form is for; None where no track decides by rule."""
    return next(
        (version for version in versions_in_force() if by_rule(version) and not version.by_choice), None
    )
