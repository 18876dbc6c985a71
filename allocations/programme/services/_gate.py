"""What several services begin with."""

from allocations.programme.models import AllocationRequest


def locked(request: AllocationRequest) -> AllocationRequest:
    """The request as it stands now, nobody else changing it until the transaction ends."""
    return (
        AllocationRequest.objects.select_for_update(of=("self",))
        .select_related("project__organisation", "requested_by", "track_version__track", "call")
        .prefetch_related("lines__resource__site", "lines__placed__site", "runs")
        .get(pk=request.pk)
    )
