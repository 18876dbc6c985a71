"""Charges for what ran, and their corrections. A charge is never refused: the job already ran."""

from dataclasses import dataclass

from allocations.ledger.models import Posting
from portal.people.models import User


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One run that ended. `run_key` names it (cluster, job id, submit time); `job_code` is the portal's job.

    `release_rest` lets go of what is left of the job's hold, in a posting of its own (key + "/release").
    """

    allocation_code: str
    run_key: str
    gpu_seconds: int
    key: str
    job_code: str | None = None
    release_rest: bool = False


def charge_post(
    *,
    allocation_code: str,
    run_key: str,
    gpu_seconds: int,
    key: str,
    job_code: str | None = None,
    release_rest: bool = False,
) -> Posting:
    """Charge one run: from the job's own hold, then from what is available, then into overrun.

    Raises IllegalState (code `run_charged`) where the run was charged under another key.
    """
    raise NotImplementedError


def charge_many(charges: list[Charge]) -> list[Posting]:
    """Charge up to 1,000 runs in one transaction with one sorted set of locks; postings in the given order."""
    raise NotImplementedError


def charge_correct(
    *, allocation_code: str, run_key: str, gpu_seconds: int, key: str, actor: User | None = None, reason: str
) -> Posting:
    """Bring what a run was charged to `gpu_seconds` in all, by posting the difference."""
    raise NotImplementedError


def refund_post(
    *,
    allocation_code: str,
    run_key: str,
    gpu_seconds: int,
    key: str,
    actor: User | None = None,
    reason: str,
    sweep: bool = False,
) -> Posting:
    """Give back part of what a run was charged: repays overrun first, the rest becomes available.

    `sweep` returns that rest to the pools at once (the allocation has ended). Raises Refused (code
    `over_charge`, figures wanted, charged) where the run was charged less.
    """
    raise NotImplementedError
