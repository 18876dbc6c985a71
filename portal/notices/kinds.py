"""What each kind of notice is about: the one table in which rooms register the kinds that they write.

A pattern stands for every kind that begins so. A test reads the source: a kind without a group fails it.
"""

from fnmatch import fnmatchcase

from django.db import models
from django.utils.translation import gettext_lazy as _


class Group(models.TextChoices):
    """Kinds that people set together."""

    REQUESTS = "requests", _("Requests and decisions")
    DUTIES = "duties", _("Reviews and duties: what waits for you")
    ALLOCATIONS = "allocations", _("Allocations and usage")
    JOBS = "jobs", _("Jobs")
    PEOPLE = "people", _("People and roles")
    SECURITY = "security", _("Security")


class Timing(models.TextChoices):
    """When a notice is mailed. In the portal it stands at once, whatever is chosen."""

    AT_ONCE = "at_once", _("At once")
    DAILY = "daily", _("Once a day, all in one mail")
    WEEKLY = "weekly", _("Once a week, all in one mail")
    NEVER = "never", _("Never")


# What waits for somebody mustn't wait unread for long; what concerns their access, not at all.
TIMINGS: dict[str, tuple[Timing, ...]] = {
    **{group: tuple(Timing) for group in Group},
    Group.DUTIES: (Timing.AT_ONCE, Timing.DAILY),
    Group.SECURITY: (Timing.AT_ONCE,),
}

# The first that fits counts.
KINDS: dict[str, Group] = {
    # Somebody has to do something.
    "request_submitted": Group.DUTIES,
    "request_waits": Group.DUTIES,
    "request_returned": Group.DUTIES,
    "request_overdue": Group.DUTIES,
    "review_*": Group.DUTIES,
    "reviewer_*": Group.DUTIES,
    "appeal_filed": Group.DUTIES,
    "change_requested": Group.DUTIES,
    "reclaim*": Group.DUTIES,
    "report_due": Group.DUTIES,
    "report_submitted": Group.DUTIES,
    "verification_submitted": Group.DUTIES,
    "verification_second_word": Group.DUTIES,
    "verification_lapse*": Group.DUTIES,
    "ownership_asked": Group.DUTIES,
    "member_invited": Group.DUTIES,
    "project_invited": Group.DUTIES,
    "hand_over_proposed": Group.DUTIES,
    "login_asked": Group.DUTIES,
    "login_proposed": Group.DUTIES,
    "provisioning_drift": Group.DUTIES,
    "preflight_worse": Group.DUTIES,
    "ledger_disagrees": Group.DUTIES,
    # The rest is worth knowing.
    "request_*": Group.REQUESTS,
    "message_*": Group.REQUESTS,
    "call_*": Group.REQUESTS,
    "appeal_*": Group.REQUESTS,
    "change_*": Group.REQUESTS,
    "waiting_*": Group.REQUESTS,
    "allocation_*": Group.ALLOCATIONS,
    "usage_*": Group.ALLOCATIONS,
    "report_*": Group.ALLOCATIONS,
    "outage_*": Group.ALLOCATIONS,
    "job_*": Group.JOBS,
    "verification_*": Group.PEOPLE,
    "ownership_*": Group.PEOPLE,
    "member_*": Group.PEOPLE,
    "project_*": Group.PEOPLE,
    "hand_over_*": Group.PEOPLE,
    "classroom_*": Group.PEOPLE,
    "deputy_*": Group.PEOPLE,
    "endorsed": Group.PEOPLE,
    "login_*": Group.PEOPLE,
    "roles_changed": Group.SECURITY,
    "access_*": Group.SECURITY,
}


def group_of(kind: str) -> Group:
    """The group of `kind`; one that the table doesn't know is told like a duty, not to be missed."""
    return registered(kind) or Group.DUTIES


def registered(kind: str) -> Group | None:
    """The group of `kind` as the table has it, None where it has none."""
    return next((group for pattern, group in KINDS.items() if fnmatchcase(kind, pattern)), None)
