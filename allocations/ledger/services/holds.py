"""Holds: the budget set aside for one job, by its public code."""

from allocations.ledger.models import Posting


def hold_place(
    *, allocation_code: str, job_code: str, gpu_seconds: int, key: str, partial: bool = False
) -> Posting:
    """Set `gpu_seconds` aside for a job.

    `partial` holds as much as there is, maybe nothing: for a job that Slurm already has. Raises Refused with
    code `in_overrun` (figures overrun) or `over_budget` (figures wanted, available), and IllegalState (code
    `hold_exists`) where the job has a hold under another key.
    """
    raise NotImplementedError


def hold_top_up(*, job_code: str, gpu_seconds: int, key: str, partial: bool = False) -> Posting:
    """Set further GPU-seconds aside for a job that has a hold (a requeue). Refuses as `hold_place`.

    Raises InvalidInput (code `no_hold`) where it has none.
    """
    raise NotImplementedError


def hold_release(*, job_code: str, key: str, gpu_seconds: int | None = None) -> Posting:
    """Let go of a job's hold, or of `gpu_seconds` of it; a debt of the allocation is repaid first.

    Nothing left to release is fine. Raises InvalidInput (code `no_hold`) where the job never had a hold, and
    Refused (code `over_hold`, figures wanted, held) where less is held.
    """
    raise NotImplementedError
