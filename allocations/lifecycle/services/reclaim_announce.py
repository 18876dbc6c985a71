"""Telling people what reclamation is about to do, and did."""

from typing import Any

from django.utils.translation import gettext_noop

from allocations.lifecycle.models.reclaim import ReclaimCase
from allocations.lifecycle.policies import ADMINS, conflicted
from allocations.lifecycle.reclaim_plan import Finding
from allocations.lifecycle.services.announce import deciders
from portal.foundation import clock
from portal.foundation.formats import hours
from portal.notices.services.notices import notify
from portal.people.models import User

TEXTS = {
    "warn": (
        gettext_noop("GPU-hours of “%(project)s” on %(resource)s are at risk"),
        gettext_noop(
            "%(used)s %% of them are used. Below %(below)s %% on %(due)s, %(hours)s GPU-hours go to those "
            "who wait. Use them, give back what you don't need, or ask to be exempted."
        ),
    ),
    "warn_again": (
        gettext_noop("Last warning: GPU-hours of “%(project)s” on %(resource)s"),
        gettext_noop(
            "%(used)s %% of them are used. Below %(below)s %% on %(due)s, %(hours)s GPU-hours are taken. "
            "You can still ask to be exempted."
        ),
    ),
    "take": (
        gettext_noop("Taken back: unused GPU-hours of “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours went back to the resource. What jobs hold was left to them."),
    ),
    "cure": (
        gettext_noop("Nothing is taken from “%(project)s” on %(resource)s"),
        gettext_noop("Enough of the allocation is used: %(used)s %%."),
    ),
    "drop": (
        gettext_noop("Nothing is taken from “%(project)s” on %(resource)s"),
        gettext_noop(
            "The warning no longer holds: the allocation isn't active, or the rule was switched off."
        ),
    ),
    "exempt": (
        gettext_noop("Exempted: the GPU-hours of “%(project)s” on %(resource)s stay"),
        gettext_noop("Your request to be exempted was granted. %(answer)s"),
    ),
    "refuse": (
        gettext_noop("Not exempted: the GPU-hours of “%(project)s” on %(resource)s"),
        gettext_noop("Your request to be exempted was refused: %(answer)s The warning holds."),
    ),
}
ASKED = (
    gettext_noop("“%(project)s” asks to keep its unused GPU-hours on %(resource)s"),
    gettext_noop("Until you answer, nothing is taken. Reason: %(reason)s"),
)


def tell(case: ReclaimCase, event: str, finding: Finding | None = None, *, answer: str = "") -> None:
    """Everybody in the project learns of it."""
    figures: dict[str, Any] = {}
    if finding is not None:
        figures = {
            "used": finding.used_percent,
            "below": finding.version.used_below_percent,
            "due": str(clock.day_of(case.due_at)),
            "hours": hours(case.taken_gpu_seconds or finding.would_take),
        }
    subject, body = TEXTS[event]
    notify(
        users=User.objects.filter(project_roles__project=case.allocation.project_id),
        kind=f"reclaim_{event}",
        subject=subject,
        body=body,
        params={**_place(case), **figures, "answer": answer},
        url=case.get_absolute_url(),
    )


def tell_admins(case: ReclaimCase, *, reason: str) -> None:
    """A request to be exempted awaits the answer of those who may give it."""
    subject, body = ASKED
    allocation = case.allocation
    notify(
        users=deciders(allocation.project, conflicted(allocation), ADMINS),
        kind="reclaim_exemption",
        subject=subject,
        body=body,
        params={**_place(case), "reason": reason},
        url=case.get_absolute_url(),
    )


def _place(case: ReclaimCase) -> dict[str, str]:
    return {"project": case.allocation.project.title, "resource": str(case.allocation.resource)}
