"""Handing a request in, and taking it back."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.checks import require_complete
from allocations.programme.models import AllocationRequest, RequestVersion
from allocations.programme.services._gate import locked
from allocations.programme.services.steps import steps_begin, steps_stop
from allocations.programme.services.writing import only_leads, snapshot
from allocations.programme.tracks import content_of, track_for
from allocations.programme.transitions import REQUEST
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User
from portal.people.selectors import has_consented


@transaction.atomic
def request_submit(*, actor: User, request: AllocationRequest) -> AllocationRequest:
    """Hand a draft or a returned request in. Raises InvalidInput for what is missing or can't be granted."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=only_leads())
    target = REQUEST.target(state=request.state, action="submit")
    _require_consent(actor)
    require_complete(request)
    before = request.snapshot("state")
    request.state, request.submitted_at = target, clock.now()
    request.track_version, request.round = track_for(request), request.round + 1
    request.store("state", "submitted_at", "track_version", "round")
    # require_complete found a track a moment ago.
    assert request.track_version is not None  # noqa: S101
    RequestVersion.objects.create(
        request=request,
        round=request.round,
        content=content_of(request),
        track_version=request.track_version,
        submitted_by=actor,
        submitted_at=request.submitted_at,
    )
    audit.record(
        actor=actor,
        action="request_submit",
        target=request,
        before=before,
        after={
            "state": request.state,
            "round": request.round,
            "track": request.track_version.code,
            **snapshot(request),
        },
    )
    steps_begin(request)
    return request


@transaction.atomic
def request_withdraw(*, actor: User, request: AllocationRequest, reason: str = "") -> AllocationRequest:
    """Take a request back for good; it stays on record. IllegalState once it is decided."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=only_leads())
    before = request.snapshot("state")
    request.state = REQUEST.target(state=request.state, action="withdraw")
    request.store("state")
    steps_stop(request, actor=actor, action="skip")
    audit.record(
        actor=actor,
        action="request_withdraw",
        target=request,
        before=before,
        after=request.snapshot("state"),
        reason=reason.strip(),
    )
    return request


def _require_consent(actor: User) -> None:
    """Raises InvalidInput unless `actor` accepted the terms in force."""
    if not has_consented(actor):
        raise InvalidInput(
            _("The terms of acceptable use have a version that you haven't accepted yet."),
            field="consent",
            remedy=_("Read them and accept them."),
            code="consent_missing",
        )
