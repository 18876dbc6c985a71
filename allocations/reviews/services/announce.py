"""Telling reviewers what is asked of them, and programme admins what is missing.

What reviewers read names neither the project nor its people: a review may be blind.
"""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_noop

from allocations.programme.models import AllocationRequest, Conflict
from allocations.reviews.models import Review
from portal.notices.services.notices import notify
from portal.people.models import ProgrammeRole, User

TEXTS = {
    "invited": (
        gettext_noop("You are asked to review a request (%(sector)s)"),
        gettext_noop("Please say soon whether you take it. The review is due on %(due_on)s."),
    ),
    "reminded": (
        gettext_noop("Your review is due on %(due_on)s (%(sector)s)"),
        gettext_noop("It isn't submitted yet. What you have drafted is kept."),
    ),
    "extended": (
        gettext_noop("Your review is now due on %(due_on)s (%(sector)s)"),
        gettext_noop("You were given more time."),
    ),
    "thanked": (
        gettext_noop("Thank you for your review (%(sector)s)"),
        gettext_noop("It was submitted. You may revise it until as many reviews are in as are needed."),
    ),
    "reopened": (
        gettext_noop("Please revise your review (%(sector)s)"),
        gettext_noop("A programme admin asks: %(reason)s It is due on %(due_on)s; what you wrote is kept."),
    ),
    "replaced": (
        gettext_noop("A review is no longer asked of you (%(sector)s)"),
        gettext_noop("Somebody else takes it over, or it isn't needed any more. Thank you all the same."),
    ),
    "expired": (
        gettext_noop("A review that was asked of you has expired (%(sector)s)"),
        gettext_noop("It wasn't submitted in time. Somebody else is asked."),
    ),
}
WANTED = gettext_noop("Reviewers wanted: %(project)s")
WHY = {
    "opened": gettext_noop("%(missing)s reviewers are needed. Confirm whom to ask."),
    "declined": gettext_noop("A reviewer declined: %(missing)s more are needed."),
    "conflict": gettext_noop("A reviewer has a conflict of interest: %(missing)s more are needed."),
    "expired": gettext_noop("A review wasn't submitted in time: %(missing)s more are needed."),
}


def tell_reviewer(review: Review, occasion: str, **further: str) -> None:
    """The reviewer learns of an occasion of TEXTS."""
    subject, body = TEXTS[occasion]
    reachable = occasion not in {"replaced", "expired"}
    notify(
        users=[review.reviewer],
        kind=f"review_{occasion}",
        subject=subject,
        body=body,
        params={
            "sector": review.request.project.sector.name_en,
            "due_on": str(review.due_on),
            **further,
        },
        url=review.get_absolute_url() if reachable else reverse("reviews"),
    )


def tell_admins_wanted(request: AllocationRequest, *, missing: int, why: str) -> None:
    """Programme admins without a conflict learn that `missing` reviewers are wanted, and WHY."""
    notify(
        users=_admins(request),
        kind="reviewer_wanted",
        subject=WANTED,
        body=WHY[why],
        params={"project": request.project.title, "missing": missing},
        url=reverse("request_reviews", args=[request.code]),
    )


def _admins(request: AllocationRequest) -> Iterable[User]:
    conflicted: Any = Conflict.objects.filter(request=request, severity__in=Conflict.BLOCKING).values("user")
    return (
        User.objects.filter(programme_roles__role=ProgrammeRole.Role.ADMIN, is_active=True)
        .exclude(pk__in=conflicted)
        .exclude(memberships__organisation=request.project.organisation_id)
        .exclude(project_roles__project=request.project_id)
        .distinct()
    )
