"""May this job go to this site, and does it fit? Asked when submitting and again when sending."""

import math
from dataclasses import dataclass

from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from datacenters.models import DataClass, Resource
from portal.foundation.errors import InvalidInput, Refused


@dataclass(frozen=True)
class Size:
    """What a job asks for. Memory in MB per node, wall time in minutes."""

    gpus: int
    cpus: int
    memory_mb: int
    wall_minutes: int

    @property
    def most_gpu_seconds(self) -> int:
        return self.gpus * self.wall_minutes * 60


def check_size(resource: Resource, size: Size) -> None:
    """Raises InvalidInput naming the field, the limit and what was asked for."""
    nodes = math.ceil(size.gpus / resource.gpus_per_node)
    # Memory is asked for per node: its share is that of the GPUs that one node can give.
    gpus_on_a_node = min(size.gpus, resource.gpus_per_node)
    limits = [
        ("gpus", size.gpus, min(resource.max_gpus_per_job, resource.lent_gpus), _("GPUs")),
        ("cpus", size.cpus, size.gpus * resource.max_cpus_per_gpu, _("CPUs for that many GPUs")),
        (
            "memory_mb",
            size.memory_mb,
            gpus_on_a_node * resource.max_memory_mb_per_gpu,
            _("MB of memory for that many GPUs"),
        ),
        ("wall_minutes", size.wall_minutes, resource.max_wall_minutes, _("minutes")),
    ]
    for field, asked, most, unit in limits:
        if asked < 1:
            raise InvalidInput(_("Ask for at least 1."), field=field)
        if asked > most:
            raise InvalidInput(
                _("%(asked)d is more than this resource allows: %(most)d %(unit)s.")
                % {"asked": asked, "most": most, "unit": unit},
                field=field,
                remedy=_("Ask for %(most)d or fewer, or choose another resource.") % {"most": most},
                code="over_site_limit",
                figures={"asked": asked, "most": most, "nodes": nodes},
            )


def check_bridged(allocation: Allocation) -> None:
    """Raises Refused (code `unbridged`) where the portal sends no jobs."""
    if allocation.resource.cluster is None:
        site = allocation.resource.site
        raise Refused(
            _("Jobs can't be sent to %(site)s from here.") % {"site": site},
            field="allocation",
            remedy=_("Run them at the site: its managers upload what was used.")
            if site.is_unbridged
            else _("The site's cluster isn't connected yet: ask its managers."),
            code="unbridged",
        )


def check_data(allocation: Allocation) -> None:
    """Raises Refused where the site may not hold the project's class of data."""
    site, data_class = allocation.resource.site, allocation.project.data_class
    if not site.holds(data_class):
        raise Refused(
            _("%(site)s may not hold data of class “%(data_class)s”.")
            % {"site": site, "data_class": DataClass(data_class).label},
            remedy=_(
                "Ask for an allocation at an accredited site, or lower the project's data class if it fits."
            ),
            code="data_class",
        )
