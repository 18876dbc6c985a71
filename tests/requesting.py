"""Requests in each of their states, made by the services that make them in life."""

from datetime import timedelta
from typing import Any

from allocations.awards.services import capacity_post
from allocations.programme import services
from allocations.programme.models import AllocationRequest, Decision
from datacenters.models import Capacity, Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from tests.cast import Cast

HOUR = 3600


def fund(resource: Resource) -> None:
    """Give the resource's pools in the ledger the capacity that is planned."""
    for row in Capacity.objects.filter(resource=resource):
        capacity_post(resource=resource, quarter=Quarter.parse(row.quarter))


def draft(cast: Cast, **fields: Any) -> AllocationRequest:
    """A complete draft of the PI's: 100 GPU-hours over ten days from today."""
    today = clock.today()
    filled = {
        "project": cast.project,
        "resource": cast.resource,
        "gpu_seconds": 100 * HOUR,
        "starts_on": today,
        "ends_on": today + timedelta(days=9),
        "justification": "Eight runs of a small model.",
    }
    return services.request_create(actor=cast.pi, **{**filled, **fields})


def submitted(cast: Cast, **fields: Any) -> AllocationRequest:
    return services.request_submit(actor=cast.pi, request=draft(cast, **fields))


def returned(cast: Cast, **fields: Any) -> AllocationRequest:
    return services.request_return(
        actor=cast.council, request=submitted(cast, **fields), reason="Which model?"
    ).request


def under_review(cast: Cast, **fields: Any) -> AllocationRequest:
    request = submitted(cast, **fields)
    request.state = "under_review"
    request.store("state")
    return request


def approved(cast: Cast, **fields: Any) -> AllocationRequest:
    return approve(cast, submitted(cast, **fields)).request


def declined(cast: Cast, **fields: Any) -> AllocationRequest:
    return services.request_decline(
        actor=cast.council, request=submitted(cast, **fields), reason="Too vague."
    ).request


def withdrawn(cast: Cast, **fields: Any) -> AllocationRequest:
    return services.request_withdraw(actor=cast.pi, request=submitted(cast, **fields))


def approve(cast: Cast, request: AllocationRequest, **options: Any) -> Decision:
    options.setdefault("gpu_seconds", request.lines.get().gpu_seconds)
    return services.request_approve(actor=cast.council, request=request, **options)


IN_STATE = {
    "draft": draft,
    "submitted": submitted,
    "under_review": under_review,
    "returned": returned,
    "approved": approved,
    "declined": declined,
    "withdrawn": withdrawn,
}
