"""Where Slurm differs from what it should be: to look at without touching, and found by the periodic pass."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from scheduler_bridge.provisioning.desired import bindings_of, desired_of, out_of_line
from scheduler_bridge.provisioning.reconcile import words_of
from scheduler_bridge.provisioning.slurm import ProvisioningProblem, Slurm
from scheduler_bridge.provisioning.survey import Survey
from scheduler_bridge.slurm_rest_client import SlurmError


@dataclass(frozen=True)
class Drift:
    """One allocation's Slurm account: as it should be, as it is, what the portal would do (`actions`), what
    only the site's admins can do (`remedies`), and what keeps all of it from being known or done
    (`error`)."""

    allocation: Allocation
    desired: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def is_in_line(self) -> bool:
        return not (self.actions or self.remedies or self.error)


def drift_of(allocations: Iterable[Allocation], cluster: Cluster) -> list[Drift]:
    """A dry run: reads the cluster and changes nothing. One that doesn't answer is each one's error."""
    allocations = list(allocations)
    try:
        slurm = Slurm(cluster)
        slurm.check_tracked()
        if len(allocations) > 1:
            slurm.load_all()
    except (SlurmError, ProvisioningProblem, OSError) as error:
        return [Drift(allocation, error=words_of(error)) for allocation in allocations]
    wanted, bindings = desired_of(allocations), bindings_of(allocations)
    found = []
    for allocation in allocations:
        try:
            survey = Survey(allocation, slurm, want=wanted[allocation.pk], bindings=bindings[allocation.pk])
        except (SlurmError, ProvisioningProblem, OSError) as error:
            found.append(Drift(allocation, error=words_of(error)))
        else:
            actions = [step.text for step in survey.steps]
            found.append(Drift(allocation, survey.wanted(), survey.summary(), actions, survey.remedies))
    return found


def drifted(cluster: Cluster) -> list[str]:
    """Codes of allocations whose Slurm accounts have changed behind the portal's back.

    Those that the portal knows to be out of line already are left to who is at them. Where the cluster itself
    is away, nothing is said of any: its page tells.
    """
    allocations = (
        Allocation.objects.filter(resource__cluster=cluster, bindings__isnull=False)
        .exclude(code__in=out_of_line())
        .select_related("resource__cluster", "resource__site", "project")
        .distinct()
        .order_by("pk")
    )
    lines = drift_of(allocations, cluster)
    return [line.allocation.code for line in lines if line.actions or line.remedies]
