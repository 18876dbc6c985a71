"""Requests in each of their states, made by the services that make them in life."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from allocations.awards.services import capacity_post
from allocations.programme import services
from allocations.programme.models import AllocationRequest, Decision, Track, TrackStep, TrackVersion
from datacenters.models import Capacity, Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from tests.cast import Cast

HOUR = 3600


def fund(resource: Resource) -> None:
    """Give the resource's pools in the ledger the capacity that is planned."""
    for row in Capacity.objects.filter(resource=resource):
        capacity_post(resource=resource, quarter=Quarter.parse(row.quarter))


def plain_track() -> Track:
    """A track of one step: one person decides. Made once; the nation's own tracks are there besides."""
    track, is_new = Track.objects.get_or_create(
        code="plain", defaults={"name_en": "Plain", "name_ur": "سادہ", "position": 99}
    )
    if is_new:
        version = TrackVersion.objects.create(track=track, number=1, by_choice=True)
        TrackStep.objects.create(version=version, position=0, kind="decision", roles=["admin", "council"])
    return track


def stepped(*steps: dict[str, Any], code: str = "stepped") -> Track:
    """A track of these steps, then one person's decision."""
    track = Track.objects.create(code=code, name_en=code.title(), name_ur=code, position=97)
    version = TrackVersion.objects.create(track=track, number=1, by_choice=True)
    decision = {"kind": "decision", "roles": ["admin", "council"]}
    for position, step in enumerate([*steps, decision]):
        TrackStep.objects.create(version=version, position=position, **step)
    return track


def draft(cast: Cast, *, track: Track | None = None, **fields: Any) -> AllocationRequest:
    """A complete draft of the PI's: 100 GPU-hours over ten days from today, on the plain track."""
    today = clock.today()
    filled = {
        "project": cast.project,
        "resource": cast.resource,
        "gpu_seconds": 100 * HOUR,
        "starts_on": today,
        "ends_on": today + timedelta(days=9),
        "justification": "Eight runs of a small model.",
        "ai_risk": "minimal",
    }
    request = services.request_create(actor=cast.pi, **{**filled, **fields})
    request.wanted_track = track or plain_track()
    request.store("wanted_track")
    return request


def asked(cast: Cast, gpu_hours: int, **fields: Any) -> AllocationRequest:
    """A draft that finds its track by its size: one run on one GPU."""
    fields.setdefault("runs", [services.Run("A small model", gpus=1, hours=Decimal(gpu_hours))])
    request = draft(cast, gpu_seconds=gpu_hours * HOUR, **fields)
    request.wanted_track = None
    request.store("wanted_track")
    return request


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
