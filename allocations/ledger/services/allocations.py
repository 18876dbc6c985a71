"""What flows between a resource's pools and an allocation."""

from allocations.ledger.models import Posting, PostingKind
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.people.models import User


def allocation_open(*, resource: Resource, allocation_code: str) -> None:
    """Create the allocation's four ledger accounts. Does nothing where they exist.

    Raises IllegalState (code `other_resource`) where they exist on another resource.
    """
    raise NotImplementedError


def award_post(
    *,
    resource: Resource,
    allocation_code: str,
    portions: dict[Quarter, int],
    key: str,
    actor: User | None,
    oversubscribe: bool = False,
    reason: str = "",
) -> int:
    """Grant GPU-seconds per quarter from the resource's pools; a debt of the allocation is repaid first.

    With `oversubscribe` what the pools lack is created first (kind oversubscription, `actor` being its
    approver). Returns that shortfall in GPU-seconds, 0 where the pools sufficed. Opens the ledger accounts
    where needed. Raises Refused (code `over_capacity`, figures wanted and free per quarter) otherwise.
    """
    raise NotImplementedError


def return_post(
    *,
    allocation_code: str,
    kind: PostingKind,
    key: str,
    actor: User | None,
    gpu_seconds: int | None = None,
    reason: str = "",
) -> Posting:
    """Give what is available back to the pools it came from, the latest quarter first.

    `kind` is EXPIRE, RECLAIM or GIVE_BACK; `gpu_seconds` None means all that is available. Held GPU-seconds
    stay held. Raises Refused (code `over_available`, figures wanted, available) where that much isn't there.
    """
    raise NotImplementedError
