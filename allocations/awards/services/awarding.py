"""From a decision to a budget: award, allocation and ledger in one transaction."""

from datetime import date

from django.db import transaction

from allocations.awards.capacity import portions
from allocations.awards.interest import has_interest
from allocations.awards.models import Allocation, Award
from allocations.awards.quotas.checks import require_within
from allocations.ledger import services as ledger
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation.errors import NotAllowed
from portal.foundation.services import audit, outbox
from portal.people.models import User


@transaction.atomic
def award_make(
    *,
    actor: User | None,
    project: Project,
    resource: Resource,
    gpu_seconds: int,
    starts_on: date,
    ends_on: date,
    by_quarter: dict[str, int] | None = None,
    reason: str = "",
    override_reason: str = "",
) -> Award:
    """Award `gpu_seconds` of `resource` to `project` on a new allocation, which the bridge then sets up.

    The amount is spread as `by_quarter` (quarter → GPU-seconds) says, else by days over the quarters covered;
    `actor` None means that a track's rule decided. With `override_reason` the award may go beyond
    what is free; the excess is kept as `Award.oversubscribed`. Who may award is the caller's policy; here
    only the rule that holds for everybody: raises NotAllowed where `actor` has an interest in the project,
    and Refused where capacity (code `over_capacity`) or a quota (code `over_quota`) doesn't suffice. An
    override may break quotas too: the audit names them, and so does the award's `overrode`.
    """
    if actor is not None and has_interest(actor, project):
        raise NotAllowed()
    spread = portions(gpu_seconds=gpu_seconds, starts_on=starts_on, ends_on=ends_on, by_quarter=by_quarter)
    overrode = require_within(
        project=project, resource=resource, portions=spread, override=bool(override_reason)
    )
    allocation = Allocation.objects.create(
        project=project, resource=resource, starts_on=starts_on, ends_on=ends_on
    )
    shortfall = ledger.award_post(
        resource=resource,
        allocation_code=allocation.code,
        portions=spread,
        key=f"award:{allocation.code}",
        actor=actor,
        oversubscribe=bool(override_reason),
        reason=override_reason or reason,
    )
    award = Award.objects.create(
        allocation=allocation,
        gpu_seconds=gpu_seconds,
        starts_on=starts_on,
        ends_on=ends_on,
        decided_by=actor,
        reason=reason,
        oversubscribed=shortfall,
    )
    award.overrode = overrode
    audit.record(
        actor=actor,
        action="award_make",
        target=award,
        after={
            "gpu_seconds": gpu_seconds,
            "starts_on": str(starts_on),
            "ends_on": str(ends_on),
            "oversubscribed": shortfall,
            **({"overrode": overrode} if overrode else {}),
            "allocation": allocation.code,
            "project": project.code,
            "resource": resource.code,
        },
        reason=override_reason or reason,
    )
    audit.record(
        actor=actor,
        action="allocation_open",
        target=allocation,
        after={"state": allocation.state, "award": award.code, "gpu_seconds": gpu_seconds},
    )
    outbox.enqueue(topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code)
    return award
