"""What several services begin with."""

from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest
from allocations.programme.services.ties import ties_of_speaker
from portal.foundation.errors import IllegalState
from portal.people.models import User


def locked(request: AllocationRequest) -> AllocationRequest:
    """The request as it stands now, nobody else changing it until the transaction ends."""
    return (
        AllocationRequest.objects.select_for_update(of=("self",))
        .select_related("project__organisation", "requested_by", "track_version__track", "call")
        .prefetch_related("lines__resource__site", "lines__placed__site", "runs")
        .get(pk=request.pk)
    )


def locked_for_word(actor: User, request: AllocationRequest) -> AllocationRequest:
    """The same, for somebody's word on it: what ties them to it is on record then, and the database knows."""
    request = locked(request)
    ties_of_speaker(actor, [request])
    return request


def require_round(request: AllocationRequest, round: int | None) -> None:
    """Raises IllegalState (`other_round`) where `round` was read, and it was handed in anew; None: any."""
    if round not in (None, request.round):
        raise IllegalState(
            _("The request was handed in anew since this was read."),
            code="other_round",
            remedy=_("Read it as it stands now, then decide."),
            figures={"read": round, "now": request.round},
        )
