"""What the bridge does when something below has committed."""

from typing import Any

from django.db.models import QuerySet

from allocations.awards.models import Allocation
from portal.foundation.services.outbox import handles
from scheduler_bridge import tasks
from scheduler_bridge.jobs import use as _use  # noqa: F401  tells projects what their members use
from scheduler_bridge.jobs.notices import tell_end
from scheduler_bridge.jobs.services import jobs_of_the_gone_cancel
from scheduler_bridge.models import Job
from scheduler_bridge.sites.preflight import tasks as _preflight  # noqa: F401  its tasks and handler


@handles("allocation_provision")
def provision(payload: dict[str, Any]) -> None:
    tasks.provision.delay(payload["allocation"])


@handles("project_members_changed")
def provision_members(payload: dict[str, Any]) -> None:
    """Somebody joined or left: each allocation of the project lets in who belongs, and no other."""
    jobs_of_the_gone_cancel(Job.objects.filter(allocation__project__code=payload["project"]))
    _provision(Allocation.objects.filter(project__code=payload["project"]))


@handles("user_deactivated")
@handles("user_reactivated")
def provision_person(payload: dict[str, Any]) -> None:
    """Whose access ended, or came back: every allocation of their projects lets in who belongs."""
    jobs_of_the_gone_cancel(Job.objects.filter(submitted_by__code=payload["user"]))
    _provision(Allocation.objects.filter(project__members__user__code=payload["user"]))


def _provision(allocations: QuerySet[Allocation]) -> None:
    for code in allocations.values_list("code", flat=True):
        tasks.provision.delay(code)


@handles("cluster_changed")
def look(payload: dict[str, Any]) -> None:
    tasks.look.delay(payload["cluster"])


@handles("job_approved")
def dispatch(payload: dict[str, Any]) -> None:
    tasks.dispatch.apply_async((payload["cluster"],), expires=30)


@handles("job_cancel")
def cancel(payload: dict[str, Any]) -> None:
    tasks.follow.apply_async((payload["cluster"],), expires=30)


@handles("job_ended")
def tell_submitter(payload: dict[str, Any]) -> None:
    tell_end(Job.objects.select_related("submitted_by", "cluster__site").get(code=payload["job"]))
