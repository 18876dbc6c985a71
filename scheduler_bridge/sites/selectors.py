"""Reading what the bridge keeps about sites: logins, provisioning, what is open."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from datacenters.models import Site, SiteRole
from portal.foundation.errors import InvalidInput
from portal.people.models import User
from scheduler_bridge.models import Job, ProvisioningRun, SiteLogin
from scheduler_bridge.provisioning.desired import USABLE
from scheduler_bridge.transitions import JobState, LoginState

LIVE = [LoginState.PROPOSED, LoginState.CONFIRMED]


def logins_visible_to(user: Any) -> QuerySet[SiteLogin]:
    """One's own logins, and those of the sites that one manages; admins see all."""
    logins = SiteLogin.objects.select_related("user", "site__cluster", "linked_by").order_by(
        "site__name", "user__name", "-pk"
    )
    if "admin" in user.roles:
        return logins
    managed = SiteRole.objects.filter(user=user, role=SiteRole.Role.MANAGER).values("site")
    return logins.filter(Q(user=user) | Q(site__in=managed))


def claims_at(site: Site) -> QuerySet[SiteLogin]:
    """What people asked for and those who run the site have yet to confirm, the longest first."""
    claims = SiteLogin.objects.filter(site=site, state=LoginState.PROPOSED, linked_by=F("user"))
    return claims.select_related("user", "site").order_by("pk")


def without_login(site: Site) -> QuerySet[User]:
    """Members of projects with a usable allocation at the site for whom no login is linked or open."""
    here = Allocation.objects.filter(
        resource__site=site, state__in=USABLE, project__members__user=OuterRef("pk")
    )
    known = SiteLogin.objects.filter(site=site, user=OuterRef("pk"), state__in=LIVE)
    return User.objects.filter(Exists(here), ~Exists(known), is_active=True).order_by("name", "pk")


def sites_without_login(user: Any) -> QuerySet[Site]:
    """Sites with an allocation of the person but no confirmed login. (A sandbox makes one by itself.)"""
    here = Allocation.objects.filter(
        resource__site=OuterRef("pk"), state__in=USABLE, project__members__user=user
    )
    known = SiteLogin.objects.filter(site=OuterRef("pk"), user=user, state=LoginState.CONFIRMED)
    return Site.objects.filter(Exists(here), ~Exists(known)).select_related("cluster")


def person_at(email: str) -> User:
    """The active person with this address. Raises InvalidInput naming the field `email`."""
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        raise InvalidInput(
            _("Nobody with the address %(email)s has signed up.") % {"email": email.strip()},
            field="email",
            remedy=_("Check the spelling, or ask the person to sign up first."),
        )
    return user


def provisioned_at(site: Site) -> QuerySet[Allocation]:
    """The site's allocations that aren't closed: those in trouble or still being set up first."""
    return (
        Allocation.objects.filter(resource__site=site)
        .exclude(state=AllocationState.CLOSED)
        .select_related("project", "resource")
        .order_by("state", "-created_at", "-id")
    )


def waiting_without_slurm() -> list[str]:
    """Codes of unbridged sites' allocations that nobody was woken to make active."""
    waiting = Allocation.objects.filter(
        resource__site__kind=Site.Kind.UNBRIDGED, state=AllocationState.PROVISIONING
    )
    return list(waiting.order_by("pk").values_list("code", flat=True))


def latest_runs(allocations: Iterable[Allocation]) -> dict[int, ProvisioningRun]:
    """The last provisioning run of each allocation, by the allocation's id."""
    runs = ProvisioningRun.objects.filter(allocation__in=list(allocations))
    return {run.allocation_id: run for run in runs.order_by("allocation_id", "-id").distinct("allocation_id")}


def open_counts(site: Site) -> dict[str, int]:
    """How many jobs of the site wait, are being sent or looked up, are queued and run."""
    jobs = Job.objects.filter(cluster__site=site)
    states = (JobState.APPROVED, JobState.DISPATCHING, JobState.UNCERTAIN, JobState.QUEUED, JobState.RUNNING)
    counts = {str(state): Count("pk", filter=Q(state=state)) for state in states}
    return jobs.filter(state__in=states).aggregate(**counts)


def uncertain_at(site: Site) -> QuerySet[Job]:
    """Jobs being looked up, the longest first."""
    jobs = Job.objects.filter(cluster__site=site, state=JobState.UNCERTAIN).defer("script")
    return jobs.select_related("allocation__project").order_by("uncertain_since", "pk")
