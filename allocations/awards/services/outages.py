"""What an outage means here: less capacity, and projects that should know."""

from django.utils.translation import gettext_noop

from allocations.awards.models import Allocation
from allocations.awards.services.capacity import capacity_follow
from allocations.awards.transitions import AllocationState
from datacenters.models import Outage
from datacenters.outages import resources_touched
from portal.foundation import clock
from portal.notices.services.notices import notify
from portal.people.models import User

TEXTS = {
    "recorded": (
        gettext_noop("Outage at %(site)s from %(starts)s"),
        gettext_noop("%(affected)s: no jobs run while it lasts. Cause and times stand on the site's page."),
    ),
    "ended": (
        gettext_noop("The outage at %(site)s is over"),
        gettext_noop("%(affected)s: jobs run again."),
    ),
    "corrected": (
        gettext_noop("Other times for the outage at %(site)s"),
        gettext_noop("%(affected)s: the new times stand on the site's page."),
    ),
    "withdrawn": (
        gettext_noop("No outage at %(site)s"),
        gettext_noop("%(affected)s: what was announced doesn't take place."),
    ),
}


def outage_follow(*, outage: Outage, event: str) -> None:
    """Bring the pools to what the outage leaves, and tell the members of allocations that are active there.

    One that was over when it was recorded is told to nobody.
    """
    resources = resources_touched(outage)
    for resource in sorted(resources, key=lambda each: each.pk):
        capacity_follow(resource=resource)
    if event == "recorded" and outage.state == Outage.State.OVER:
        return
    active = Allocation.objects.filter(resource__in=resources, state=AllocationState.ACTIVE)
    subject, body = TEXTS[event]
    notify(
        users=User.objects.filter(project_roles__project__in=active.values("project")).distinct(),
        kind=f"outage_{event}",
        subject=subject,
        body=body,
        params={
            "site": outage.site.name,
            "affected": str(outage.affected),
            "starts": str(clock.day_of(outage.starts_at)),
        },
        url=outage.get_absolute_url(),
    )
