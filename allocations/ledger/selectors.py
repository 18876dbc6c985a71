"""Reads of the ledger, each in a constant number of queries. Amounts are GPU-seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from allocations.ledger.models import Hold, Posting
from datacenters.models import Resource
from portal.foundation.clock import Quarter


@dataclass(frozen=True)
class Balances:
    """Where an allocation stands. Always: granted + overrun = spent + held + available + returned."""

    granted: int = 0
    available: int = 0
    held: int = 0
    spent: int = 0
    overrun: int = 0
    returned: int = 0


def balances(allocation_code: str) -> Balances:
    """One allocation's balances; all zero where the ledger doesn't know it."""
    return balances_of([allocation_code])[allocation_code]


def balances_of(codes: Iterable[str]) -> dict[str, Balances]:
    """The balances of many allocations, in one query; every code asked for is a key of the answer."""
    raise NotImplementedError


def pool_free(resource: Resource, quarters: Iterable[Quarter]) -> dict[Quarter, int]:
    """What can still be awarded of a resource in each quarter."""
    raise NotImplementedError


def committed_limit(allocation_code: str) -> int:
    """Everything ever granted less everything returned: what Slurm's limit is made of."""
    standing = balances(allocation_code)
    return standing.granted - standing.returned


def entries(allocation_code: str) -> QuerySet[Posting]:
    """The postings of one allocation, newest first, with their transfers."""
    raise NotImplementedError


def hold_of(job_code: str) -> Hold | None:
    """A job's hold, None where it has none."""
    return Hold.objects.filter(job_code=job_code).first()
