"""What provisioning changes, in Slurm and in its own rows. The client reads every write back."""

from collections.abc import Sequence

import msgspec
from django.conf import settings
from django.db import transaction

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from scheduler_bridge.dispatch.identity import is_job
from scheduler_bridge.models import Job, SlurmAccountBinding
from scheduler_bridge.provisioning.desired import Desired, account_name
from scheduler_bridge.provisioning.slurm import ORGANIZATION, Slurm
from scheduler_bridge.slurm_rest_client import Account, AssociationLimits, JobState, NotFound, SlurmError
from scheduler_bridge.slurm_rest_client.models import GPU, LiveJob
from scheduler_bridge.transitions import JobState as OurState

PARENT = "taqseem programme"


def described(allocation: Allocation) -> str:
    """What a Slurm account of ours says of itself."""
    return f"taqseem {settings.INSTALLATION} {allocation.code}"


def made(account: Account, description: str) -> bool:
    """Whether the portal made this Slurm account. (slurmdbd may keep texts in small letters.)"""
    return (account.description.lower(), account.organization.lower()) == (description.lower(), ORGANIZATION)


def with_gpus(limits: AssociationLimits, gpus: int | None) -> AssociationLimits:
    """These limits with GrpTRES of GPUs set or lifted, the site's other ones kept."""
    kept = {name: count for name, count in limits.group_tres.items() if name != GPU}
    return msgspec.structs.replace(limits, group_tres=kept | ({} if gpus is None else {GPU: gpus}))


def lifting(limits: AssociationLimits, kept: AssociationLimits) -> str:
    """What sacctmgr sets to be rid of all limits but those that are kept; empty where no other is there."""
    maps = {
        "GrpTRES": (limits.group_tres, kept.group_tres),
        "GrpTRESMins": (limits.group_tres_minutes, kept.group_tres_minutes),
        "GrpTRESRunMins": (limits.group_tres_running_minutes, kept.group_tres_running_minutes),
        "MaxTRES": (limits.tres_per_job, kept.tres_per_job),
        "MaxTRESMins": (limits.tres_minutes_per_job, kept.tres_minutes_per_job),
    }
    numbers = {
        "MaxJobs": (limits.max_active_jobs, kept.max_active_jobs),
        "MaxSubmitJobs": (limits.max_submit_jobs, kept.max_submit_jobs),
        "MaxWall": (limits.wall_minutes_per_job, kept.wall_minutes_per_job),
    }
    parts = [
        f"{name}={','.join(f'{key}=-1' for key in there if key not in stays)}"
        for name, (there, stays) in maps.items()
        if set(there) - set(stays)
    ]
    parts += [
        f"{name}=-1" for name, (there, stays) in numbers.items() if there is not None and there != stays
    ]
    return " ".join(parts)


def make_parent(slurm: Slurm, name: str, gpus: int | None) -> None:
    slurm.client.upsert_account(slurm.token, name, description=PARENT, organization=ORGANIZATION)
    set_limits(slurm, name, with_gpus(AssociationLimits(), gpus), parent="root")


def make_account(slurm: Slurm, allocation: Allocation, want: Desired, *, parent: str) -> None:
    """The row first: what runs there from its first second on is known to be the allocation's."""
    name = want.slurm_account
    SlurmAccountBinding.objects.get_or_create(
        allocation=allocation,
        generation=want.generation,
        defaults={"cluster": slurm.cluster, "slurm_account": name, "blocked": True},
    )
    slurm.client.upsert_account(
        slurm.token, name, description=described(allocation), organization=ORGANIZATION
    )
    set_limits(slurm, name, want.limits, parent=parent)


def set_limits(slurm: Slurm, name: str, limits: AssociationLimits, *, parent: str) -> None:
    slurm.client.upsert_association(
        slurm.token, slurm.cluster.slurm_name, name, limits, parent=parent or "root"
    )


def set_login(slurm: Slurm, name: str, login: str, limits: AssociationLimits) -> None:
    if slurm.client.user(slurm.token, login) is None:
        slurm.client.upsert_user(slurm.token, login)
    slurm.client.upsert_association(
        slurm.token, slurm.cluster.slurm_name, name, limits, user=login, parent=name
    )


def reserve(binding: SlurmAccountBinding, costs: dict[str, int]) -> None:
    binding.reserved = {**binding.reserved, **costs}
    binding.save(update_fields=["reserved"])


@transaction.atomic
def open_generation(allocation: Allocation, cluster: Cluster, number: int) -> None:
    """Dispatch leaves the generations so far at once; Slurm follows."""
    SlurmAccountBinding.objects.filter(allocation=allocation).update(blocked=True)
    SlurmAccountBinding.objects.create(
        allocation=allocation,
        cluster=cluster,
        generation=number,
        slurm_account=account_name(allocation, number),
        blocked=True,
    )


def cancel(slurm: Slurm, jobs: Sequence[LiveJob]) -> None:
    for job in jobs:
        try:
            slurm.client.cancel(slurm.token, job.job_id)
        except NotFound:
            continue


def move(slurm: Slurm, jobs: Sequence[LiveJob], name: str) -> None:
    """Pending jobs to another Slurm account of the same allocation. What started or ended meanwhile stays."""
    for job in jobs:
        failed: SlurmError | None = None
        try:
            slurm.client.update_job(slurm.token, job.job_id, account=name)
        except NotFound:
            continue
        except SlurmError as error:
            failed = error  # 22.05 says so of arrays, and moves them all the same
        try:
            now = slurm.client.get_job(slurm.token, job.job_id)
        except NotFound:
            continue
        if now.account == name:
            _note(slurm, now, name)
        elif failed is not None and now.state is JobState.PENDING:
            raise failed


@transaction.atomic
def _note(slurm: Slurm, live: LiveJob, name: str) -> None:
    """A job of the portal knows where it is now."""
    jobs = Job.objects.select_for_update(of=("self",)).select_related("cluster").prefetch_related("attempts")
    for job in jobs.filter(cluster=slurm.cluster, slurm_job_id=live.job_id, state=OurState.QUEUED):
        if is_job(live, job):
            job.slurm_account = name
            job.store("slurm_account")
