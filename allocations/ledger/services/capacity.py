"""Capacity: what the programme may award of a resource in a quarter."""

from allocations.ledger.models import Posting
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.people.models import User


def capacity_set(
    *, resource: Resource, quarter: Quarter, gpu_seconds: int, key: str, actor: User | None
) -> Posting:
    """Bring the capacity planned for `quarter` to `gpu_seconds` by posting the difference.

    Raises Refused (code `capacity_in_use`, figures wanted, awarded, free) where awards already took more.
    """
    raise NotImplementedError


def capacity_lapse(*, resource: Resource, quarter: Quarter, key: str, actor: User | None) -> Posting:
    """Take what nobody was awarded of a past quarter out of its pool.

    Raises IllegalState where the quarter isn't over.
    """
    raise NotImplementedError
