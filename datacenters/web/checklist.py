"""What a new site still needs before people can use it, and where each step is taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from datacenters.models import Cluster, Resource, Site, SiteRole
from portal.foundation import clock
from portal.foundation.clock import Quarter


@dataclass(frozen=True)
class Step:
    """`href` leads to where it is done; empty where the viewer may not do it."""

    label: Any
    hint: Any
    done: bool
    href: str = ""
    is_next: bool = False


def steps_of(site: Site, roles: Sequence[SiteRole], *, may_administer: bool) -> list[Step]:
    """The steps in order, the first open one marked; none once all stand."""
    steps = list(_steps(site, roles, may_administer))
    coming = next((number for number, step in enumerate(steps) if not step.done), None)
    if coming is None:
        return []
    first = steps[coming]
    steps[coming] = Step(first.label, first.hint, first.done, first.href, is_next=True)
    return steps


def _steps(site: Site, roles: Sequence[SiteRole], may_administer: bool) -> Iterator[Step]:
    cluster: Cluster | None = getattr(site, "cluster", None)
    resources = list(site.resources.all())
    yield Step(_("The site is described"), _("Name, place and what it is."), True, _to("site_edit", site))
    if not site.is_unbridged:
        yield from _of_cluster(site, cluster, may_administer)
    yield Step(
        _("A resource can be asked for"),
        _("One GPU model: how many there are, and the limits of one job."),
        _usable(site, resources),
        _to("resource_new", site),
    )
    yield _capacity(resources)
    yield Step(
        _("Somebody runs it"),
        _("A site manager sets capacity, links logins and looks after the connection."),
        any(role.role == SiteRole.Role.MANAGER for role in roles),
        _to("site_role_new", site) if may_administer else "",
    )


def _of_cluster(site: Site, cluster: Cluster | None, may_administer: bool) -> Iterator[Step]:
    yield Step(
        _("Its Slurm cluster is connected"),
        _("The address of slurmrestd, ClusterName, the signing key and the operator login."),
        cluster is not None,
        _to("site_cluster", site) if may_administer else "",
    )
    yield Step(
        _("The cluster passed its preflight and is switched on"),
        _("Nothing is sent before. Each line that fails says what to do."),
        cluster is not None and cluster.is_enabled,
        _to("site_preflight", site) if cluster else "",
    )


def _usable(site: Site, resources: list[Resource]) -> bool:
    """At a site with Slurm every resource must say where its jobs go."""
    return bool(resources) and (site.is_unbridged or all(resource.partition for resource in resources))


def _capacity(resources: list[Resource]) -> Step:
    quarter = str(Quarter.of(clock.today()))
    empty = next(
        (
            resource
            for resource in resources
            if not any(one.quarter == quarter and one.gpu_seconds for one in resource.capacities.all())
        ),
        None,
    )
    return Step(
        _("There is capacity to award this quarter"),
        _("Until then requests wait."),
        bool(resources) and empty is None,
        f"{_to('resource_capacity', empty)}?quarter={quarter}" if empty else "",
    )


def _to(name: str, thing: Site | Resource) -> str:
    """Empty where the room above that draws the page isn't there."""
    try:
        return reverse(name, args=[thing.code])
    except NoReverseMatch:
        return ""
