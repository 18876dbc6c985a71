"""Submitting a job: checked, budgeted, approved and handed to the dispatcher in one transaction."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from allocations.ledger import services as ledger
from allocations.ledger.selectors import balances
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit, outbox
from portal.foundation.units import SECONDS_PER_HOUR
from portal.people.models import User
from scheduler_bridge.jobs.use import hold_within_cap
from scheduler_bridge.models import Job
from scheduler_bridge.placement.rules import Size, check_bridged, check_data, check_size
from scheduler_bridge.sites.logins import login_of

MAX_SCRIPT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Cost:
    """The most that a job can cost and what the allocation has, in GPU-seconds; rupees as published."""

    most: int
    available: int
    rupees: Decimal | None

    @property
    def left(self) -> int:
        return self.available - self.most

    @property
    def fits(self) -> bool:
        return self.left >= 0


def job_cost(*, allocation: Allocation, size: Size) -> Cost:
    """What the job would hold of the budget: GPUs × wall time. Only what runs is charged in the end."""
    rate = allocation.resource.rate_pkr
    hours = Decimal(size.most_gpu_seconds) / SECONDS_PER_HOUR
    return Cost(
        most=size.most_gpu_seconds,
        available=balances(allocation.code).available,
        rupees=None if rate is None else (rate * hours).quantize(Decimal(1)),
    )


def job_submit(*, actor: User, allocation: Allocation, title: str, script: str, size: Size) -> Job:
    """Create a job with its hold, approve it by the project's standing rule and queue it for sending.

    Raises NotAllowed, InvalidInput (naming the field), IllegalState (allocation not active or outside its
    period), Refused (over budget: figures wanted, available; over the member's cap; data class; no login at
    the site).
    """
    require(actor, "bridge.submit_job", allocation)
    check_bridged(allocation)
    _check_period(allocation)
    check_data(allocation)
    check_size(allocation.resource, size)
    script = check_script(script)
    with transaction.atomic():
        hold_within_cap(actor, allocation, size.most_gpu_seconds)
        job = Job(
            allocation=allocation,
            cluster=allocation.resource.cluster,
            submitted_by=actor,
            title=check_title(title),
            script=script,
            gpus=size.gpus,
            cpus=size.cpus,
            memory_mb=size.memory_mb,
            wall_minutes=size.wall_minutes,
            login=login_of(actor, allocation),
        )
        job.save()
        ledger.hold_place(
            allocation_code=allocation.code,
            job_code=job.code,
            gpu_seconds=job.most_gpu_seconds,
            key=f"hold:{job.code}",
        )
        _approve(job)
        audit.record(actor=actor, action="job_submit", target=job, after=_told(job))
    return job


def _check_period(allocation: Allocation) -> None:
    if allocation.state != AllocationState.ACTIVE:
        raise IllegalState(
            _("This allocation is “%(state)s”.") % {"state": allocation.get_state_display()},
            field="allocation",
            remedy=_("Jobs can be sent once it is active."),
        )
    if not allocation.starts_on <= clock.today() <= allocation.ends_on:
        raise IllegalState(
            _("This allocation runs from %(first)s to %(last)s.")
            % {"first": allocation.starts_on, "last": allocation.ends_on},
            field="allocation",
            remedy=_("Send the job within that period, or ask for another allocation."),
        )


def check_title(title: str) -> str:
    """One line of plain text. Raises InvalidInput."""
    title = title.strip()
    if not title or len(title) > 80 or any(ord(letter) < 32 for letter in title):
        raise InvalidInput(_("Give the job a title of one line, 80 letters at most."), field="title")
    return title


def check_script(script: str) -> str:
    """A script as Slurm takes it: Unix line ends, its interpreter first. Raises InvalidInput."""
    script = script.replace("\r\n", "\n").strip("\ufeff\n \t") + "\n"
    if not script.startswith("#!"):
        raise InvalidInput(
            _("The first line must name the interpreter."),
            field="script",
            remedy=_("Begin the script with #!/bin/bash (or another interpreter)."),
        )
    if "\0" in script or len(script.encode()) > MAX_SCRIPT_BYTES:
        raise InvalidInput(
            _("The script is longer than 64 kB or isn't text."),
            field="script",
            remedy=_("Keep programs and data in files at the site and call them from a short script."),
        )
    return script


def _approve(job: Job) -> None:
    """Inside an allocation that the person may use, the standing rule approves at once."""
    job.move("approve")
    job.approved_at = clock.now()
    job.store("state", "approved_at")
    outbox.enqueue(topic="job_approved", payload={"cluster": job.cluster.code, "job": job.code})


def _told(job: Job) -> dict[str, object]:
    fields = ("allocation", "title", "gpus", "cpus", "memory_mb", "wall_minutes", "login", "state")
    return {**job.snapshot(*fields), "held_gpu_seconds": job.most_gpu_seconds}
