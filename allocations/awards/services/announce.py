"""Telling a project's members what becomes of their allocation."""

from django.utils.translation import gettext_noop

from allocations.awards.models import Allocation
from portal.notices.services.notices import notify
from portal.people.models import User

TEXTS = {
    "activate": (
        gettext_noop("“%(project)s” can run jobs on %(resource)s"),
        gettext_noop("The site has set the limits of your allocation. It lasts until %(ends_on)s."),
    ),
    "suspend": (
        gettext_noop("Suspended: the allocation of “%(project)s” on %(resource)s"),
        gettext_noop("No further job starts until it is resumed. Reason: %(reason)s"),
    ),
    "resume": (
        gettext_noop("Resumed: the allocation of “%(project)s” on %(resource)s"),
        gettext_noop("Jobs start again. Reason: %(reason)s"),
    ),
    "revoke": (
        gettext_noop("Revoked: the allocation of “%(project)s” on %(resource)s"),
        gettext_noop("It has ended, and what was left went back to the resource. Reason: %(reason)s"),
    ),
    "raise": (
        gettext_noop("More GPU-hours for “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours were added to the allocation. Reason: %(reason)s"),
    ),
    "lower": (
        gettext_noop("Fewer GPU-hours for “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours were taken back from the allocation. Reason: %(reason)s"),
    ),
    "extend": (
        gettext_noop("Longer: the allocation of “%(project)s” on %(resource)s"),
        gettext_noop("It now lasts until %(ends_on)s. Reason: %(reason)s"),
    ),
    "move_out": (
        gettext_noop("GPU-hours moved from “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours went to another allocation of the project. Reason: %(reason)s"),
    ),
    "move_in": (
        gettext_noop("GPU-hours moved to “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours came from another allocation of the project. Reason: %(reason)s"),
    ),
    "give_back": (
        gettext_noop("Given back: GPU-hours of “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours went back to the resource. Reason: %(reason)s"),
    ),
    "instalment": (
        gettext_noop("The next instalment for “%(project)s” on %(resource)s"),
        gettext_noop("%(hours)s GPU-hours that were kept back can be used now. Reason: %(reason)s"),
    ),
    "expire": (
        gettext_noop("Ended: the allocation of “%(project)s” on %(resource)s"),
        gettext_noop("Its last day was %(ends_on)s. What was left went back to the resource."),
    ),
}


def tell_members(allocation: Allocation, action: str, *, reason: str = "", hours: str = "") -> None:
    """Everybody in the project learns of a step that has a text here."""
    if action not in TEXTS:
        return
    subject, body = TEXTS[action]
    notify(
        users=User.objects.filter(project_roles__project=allocation.project_id),
        kind=f"allocation_{action}",
        subject=subject,
        body=body,
        params={
            "project": allocation.project.title,
            "resource": str(allocation.resource),
            "ends_on": str(allocation.ends_on),
            "reason": reason,
            "hours": hours,
        },
        url=allocation.get_absolute_url(),
    )
