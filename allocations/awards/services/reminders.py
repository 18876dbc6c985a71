"""Telling a project in time: how much of an allocation is used, and how soon it ends."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from django.db import transaction
from django.utils.translation import gettext_noop

from allocations.awards.models import Allocation, Reminder
from allocations.awards.transitions import AllocationState
from allocations.ledger import selectors as ledger
from allocations.ledger.selectors import Balances, Used
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from portal.foundation.formats import hours
from portal.foundation.services.sweeps import tried
from portal.notices.services.notices import notify
from portal.people.models import User

# Percent of the budget, highest first.
THRESHOLDS = (100, 90, 75)
# Days before the last day, longest first.
LEADS = (30, 14, 7, 1)
LIVE = (AllocationState.ACTIVE, AllocationState.SUSPENDED)
# Until it grows scarce, it concerns those who plan.
PLANNERS = (ProjectMember.Role.PI, ProjectMember.Role.MANAGER)

USED = (
    gettext_noop("%(percent)s%% of the GPU-hours of “%(project)s” on %(resource)s are used"),
    gettext_noop(
        "%(left)s of %(budget)s GPU-hours are left until %(ends_on)s. More can be asked for in time."
    ),
)
USED_UP = (
    gettext_noop("All GPU-hours of “%(project)s” on %(resource)s are used"),
    gettext_noop("All %(budget)s GPU-hours are used: no further job starts. More can be asked for."),
)
ENDS = (
    gettext_noop("Ends on %(ends_on)s: the allocation of “%(project)s” on %(resource)s"),
    gettext_noop(
        "%(left)s GPU-hours are left, and lapse after that day. On the allocation's page you can ask for a "
        "longer period, or for a new allocation that follows it. Fetch what you need from the site in time."
    ),
)


def usage_remind() -> int:
    """Tell projects that have used 75, 90 or 100 % of a budget; returns how many were told.

    Each threshold once for each budget: after more was added it is told anew when it is reached again. At
    75 % the PI and the managers are told, from 90 % on everybody. Costs the same few queries however many
    allocations there are, besides those for each one that is told.
    """
    live = Allocation.objects.filter(state__in=LIVE).order_by()
    used = ledger.mostly_used(live.values_list("code", flat=True), percent=min(THRESHOLDS))
    due = {code: (f"usage_{_threshold(use)}", str(use.budget)) for code, use in used.items()}
    return _tell_new(due, lambda allocation: _tell_used(allocation, used[allocation.code]))


def expiry_remind() -> int:
    """Tell projects 30, 14, 7 and 1 days before an allocation ends; returns how many were told.

    Each once; a day that was missed is made up for. A lead of which the allocation is shorter than twice
    isn't told. Where the last day is moved, all is told anew.
    """
    today = clock.today()
    ending = Allocation.objects.filter(
        state__in=LIVE, ends_on__gt=today, ends_on__lte=today + timedelta(days=max(LEADS))
    )
    due = {
        code: (f"ends_{lead}", str(ends_on))
        for code, starts_on, ends_on in ending.values_list("code", "starts_on", "ends_on")
        if (lead := _lead(starts_on, ends_on, today))
    }
    balances = ledger.balances_of(due)
    return _tell_new(due, lambda allocation: _tell_end(allocation, balances[allocation.code]))


def _threshold(use: Used) -> int:
    return next(percent for percent in THRESHOLDS if use.spent * 100 >= use.budget * percent)


def _lead(starts_on: date, ends_on: date, today: date) -> int | None:
    """The shortest lead that has come, None where the allocation is too short for it."""
    lead = min(days for days in LEADS if days >= (ends_on - today).days)
    return lead if (ends_on - starts_on).days + 1 >= 2 * lead else None


def _tell_new(due: dict[str, tuple[str, str]], tell: Callable[[Allocation], None]) -> int:
    """Call `tell` for each allocation whose reminder wasn't told yet; one failure stops no other."""
    told = set(
        Reminder.objects.filter(allocation__code__in=due).values_list("allocation__code", "kind", "about")
    )
    new = [code for code, reminder in due.items() if (code, *reminder) not in told]
    allocations = Allocation.objects.filter(code__in=new).select_related("project", "resource__site")
    return sum(tried(_tell_once, allocation, *due[allocation.code], tell) or 0 for allocation in allocations)


@transaction.atomic
def _tell_once(allocation: Allocation, kind: str, about: str, tell: Callable[[Allocation], None]) -> bool:
    # The unique row decides where two runs meet.
    _, is_new = Reminder.objects.get_or_create(allocation=allocation, kind=kind, about=about)
    if is_new:
        tell(allocation)
    return is_new


def _tell_used(allocation: Allocation, use: Used) -> None:
    threshold = _threshold(use)
    subject, body = USED_UP if threshold == 100 else USED
    members = ProjectMember.objects.filter(project=allocation.project_id)
    if threshold == min(THRESHOLDS):
        members = members.filter(role__in=PLANNERS)
    _notify(
        allocation,
        f"usage_{threshold}",
        (subject, body),
        users=User.objects.filter(project_roles__in=members),
        left=hours(max(use.budget - use.spent, 0)),
        budget=hours(use.budget),
        percent=str(use.spent * 100 // use.budget),
    )


def _tell_end(allocation: Allocation, balance: Balances) -> None:
    _notify(
        allocation,
        "allocation_ends",
        ENDS,
        users=User.objects.filter(project_roles__project=allocation.project_id),
        left=hours(balance.available + balance.held),
    )


def _notify(
    allocation: Allocation, kind: str, words: tuple[str, str], *, users: Iterable[User], **params: str
) -> None:
    subject, body = words
    notify(
        users=users,
        kind=kind,
        subject=subject,
        body=body,
        params={
            "project": allocation.project.title,
            "resource": str(allocation.resource),
            "ends_on": str(allocation.ends_on),
            **params,
        },
        url=allocation.get_absolute_url(),
    )
