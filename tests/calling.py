"""Calls for proposals in each of their states, made by the services that make them in life."""

from datetime import timedelta
from typing import Any

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Call, Track
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import HOUR, draft, plain_track


def call_text(**fields: Any) -> dict[str, Any]:
    """A call of the Large track that opened an hour ago."""
    now = clock.now()
    return {
        "track": Track.objects.get(code="large"),
        "title_en": "Speech in Pashto",
        "title_ur": "پشتو گفتار",
        "text_en": "Large requests.",
        "opens_at": now - timedelta(hours=1),
        "closes_at": now + timedelta(days=5),
        "decided_by_on": clock.today() + timedelta(days=9),
        **fields,
    }


def drafted_call(cast: Cast, **fields: Any) -> Call:
    return services.call_create(actor=cast.admin, **call_text(**fields))


def open_call(cast: Cast, **fields: Any) -> Call:
    return services.call_publish(actor=cast.admin, call=drafted_call(cast, **fields))


def close(call: Call) -> Call:
    """As if its cut-off were over."""
    call.opens_at, call.closes_at = clock.now() - timedelta(days=9), clock.now() - timedelta(minutes=1)
    call.store("opens_at", "closes_at")
    return call


def plain_call(cast: Cast, **fields: Any) -> Call:
    """An open call of a track in which one person decides."""
    return open_call(cast, track=plain_track(), **fields)


def within(cast: Cast, call: Call, gpu_hours: int = 100) -> AllocationRequest:
    """A request that was submitted within `call`."""
    request = draft(cast, gpu_seconds=gpu_hours * HOUR, call=call)
    return services.request_submit(actor=cast.pi, request=request)
