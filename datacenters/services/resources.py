"""Resources, and how much of them there is."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Capacity, Resource, Site
from datacenters.outages import effective
from datacenters.services._gate import require_manager, require_reason
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import InvalidInput, Refused
from portal.foundation.formats import hours
from portal.foundation.services import audit, outbox, records
from portal.foundation.units import seconds_to_hours

RESOURCE_FIELDS = (
    "code",
    "name",
    "gpu_model",
    "gres_type",
    "partition",
    "gpu_count",
    "gpus_per_node",
    "max_gpus_per_job",
    "max_cpus_per_gpu",
    "max_memory_mb_per_gpu",
    "max_wall_minutes",
    "charge_factor",
    "rate_pkr",
    "is_open",
    "illustrative",
)
# What is planned of a resource for a quarter, as the audit tells it.
PLANNED = ("gpu_seconds", "reserve_percent")
# The ledger's accounts hang on the code: it never changes.
EDITABLE = frozenset(RESOURCE_FIELDS) - {"code"}


@transaction.atomic
def resource_create(*, actor: Any, site: Site, **fields: Any) -> Resource:
    """Add a resource to a site, on the site's cluster; `fields` are RESOURCE_FIELDS.

    For the site's managers. Raises InvalidInput, NotAllowed.
    """
    require_manager(actor, site)
    resource = Resource(site=site, cluster=getattr(site, "cluster", None), **fields)
    _check_fit(resource.gpu_count, resource.max_gpus_per_job)
    _check_slurm(site, resource.partition, resource.gres_type)
    shown = ("site", *RESOURCE_FIELDS)
    return records.insert(actor=actor, action="resource_create", record=resource, shown=shown)


@transaction.atomic
def resource_update(*, actor: Any, resource: Resource, reason: str = "", **changes: Any) -> Resource:
    """Change a resource; `changes` are EDITABLE. For the site's managers. Raises InvalidInput, NotAllowed."""
    require_manager(actor, resource.site)
    records.only(changes, EDITABLE)
    _check_fit(
        changes.get("gpu_count", resource.gpu_count),
        changes.get("max_gpus_per_job", resource.max_gpus_per_job),
    )
    _check_slurm(
        resource.site,
        changes.get("partition", resource.partition),
        changes.get("gres_type", resource.gres_type),
    )
    return records.update(
        actor=actor, action="resource_update", record=resource, changes=changes, reason=reason
    )


# Awards are made in a room above: it says how much of a quarter's capacity they have taken.
Awarded = Callable[[Resource, Sequence[Quarter]], dict[Quarter, int]]
_awarded: Awarded | None = None


def register_awarded(awarded: Awarded) -> None:
    """`awarded(resource, quarters)` is the GPU-seconds that each quarter's capacity must suffice for."""
    global _awarded
    _awarded = awarded


def awarded_of(resource: Resource, quarters: Sequence[Quarter]) -> dict[Quarter, int]:
    """What is awarded of each quarter's capacity, but for what was awarded beyond it by an override."""
    return _awarded(resource, quarters) if _awarded else dict.fromkeys(quarters, 0)


@transaction.atomic
def capacity_set(
    *,
    actor: Any,
    resource: Resource,
    quarter: Quarter,
    gpu_seconds: int,
    reason: str,
    reserve_percent: int | None = None,
) -> Capacity:
    """Say how many GPU-seconds of `resource` are the programme's in `quarter`, and what it keeps in reserve.

    `reserve_percent` None leaves the reserve as it is. The room that keeps the pools hears of it by the
    outbox topic `capacity_changed` {resource, quarter}. For the site's managers. Raises InvalidInput for
    more than the GPUs can give in the quarter, Refused (code `capacity_in_use`, figures wanted, awarded)
    where that would lower what may be awarded below what is.
    """
    require_manager(actor, resource.site)
    reason = require_reason(reason, _("Say why the capacity is set so."))
    _check_capacity(resource, quarter, gpu_seconds)
    Resource.objects.select_for_update(of=("self",)).get(pk=resource.pk)  # one change at a time
    capacity = Capacity.objects.filter(resource=resource, quarter=str(quarter)).first()
    before = capacity.snapshot(*PLANNED) if capacity else dict.fromkeys(PLANNED)
    if capacity is None:
        capacity = Capacity(resource=resource, quarter=str(quarter), gpu_seconds=0)
    was = effective(capacity).awardable
    capacity.gpu_seconds = gpu_seconds
    if reserve_percent is not None:
        capacity.reserve_percent = reserve_percent
    after = capacity.snapshot(*PLANNED)
    if before == after:
        return capacity
    if effective(capacity).awardable < was:
        _check_awarded(capacity, quarter)
    capacity.note = reason
    records.check(capacity)
    capacity.save()
    audit.record(
        actor=actor,
        action="capacity_set",
        target=resource,
        before={"quarter": str(quarter), **before},
        after={"quarter": str(quarter), **after},
        reason=reason,
    )
    capacity_announce(capacity)
    return capacity


def _check_awarded(capacity: Capacity, quarter: Quarter) -> None:
    """What is awarded can't be planned away. Outages may take it all the same; then it shows as too much."""
    awarded = awarded_of(capacity.resource, [quarter])[quarter]
    left = effective(capacity)
    if left.awardable >= awarded:
        return
    raise Refused(
        _("%(awarded)s GPU-hours of %(quarter)s are awarded; this leaves %(left)s.")
        % {"awarded": hours(awarded), "quarter": quarter, "left": hours(left.awardable)},
        field="gpu_hours",
        code="capacity_in_use",
        remedy=_(
            "Plan enough that outages and reserve leave what is awarded, or have some given back first."
        ),
        figures={"wanted": left.awardable, "awarded": awarded},
    )


def capacity_announce(capacity: Capacity) -> None:
    """Tell the rooms above, once the caller's transaction commits."""
    code, quarter = capacity.resource.code, capacity.quarter
    outbox.enqueue(
        topic="capacity_changed", key=f"{code} {quarter}", payload={"resource": code, "quarter": quarter}
    )


def _check_fit(gpu_count: int, max_gpus_per_job: int) -> None:
    if gpu_count and max_gpus_per_job > gpu_count:
        raise InvalidInput(
            _("A job can't have more GPUs than there are."),
            field="max_gpus_per_job",
            remedy=_("Give at most %(count)s.") % {"count": gpu_count},
            figures={"gpu_count": gpu_count, "max_gpus_per_job": max_gpus_per_job},
        )


def _check_slurm(site: Site, partition: str, gres_type: str) -> None:
    """Where jobs go to Slurm, both must be known."""
    if site.is_unbridged:
        return
    if not partition:
        raise InvalidInput(
            _("Jobs need Slurm's partition."), field="partition", remedy=_("“sinfo” at the site lists them.")
        )
    if not gres_type:
        raise InvalidInput(
            _("Jobs need Slurm's name of the GPUs."),
            field="gres_type",
            remedy=_("Write h100 for gres/gpu:h100; “sinfo -o %G” at the site lists them."),
        )


def _check_capacity(resource: Resource, quarter: Quarter, gpu_seconds: int) -> None:
    if quarter.last_day < clock.today():
        raise InvalidInput(_("This quarter is over."), field="quarter")
    if gpu_seconds < 0:
        raise InvalidInput(_("Capacity can't be negative."), field="gpu_hours")
    most = resource.most_gpu_seconds(quarter)
    if gpu_seconds > most:
        raise InvalidInput(
            _("The %(count)s GPUs lent to the programme can't give that much in %(days)s days.")
            % {"count": resource.lent_gpus, "days": quarter.days},
            field="gpu_hours",
            remedy=_("Give at most %(hours)s GPU-hours.") % {"hours": f"{seconds_to_hours(most):,.0f}"},
            figures={"gpu_seconds": gpu_seconds, "most_gpu_seconds": most},
        )
