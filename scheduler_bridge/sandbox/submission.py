"""What slurmctld checks of every submission, in its order, whatever version it came in."""

from typing import Any

import msgspec

from .cluster import VirtualCluster
from .jobs import Job, Run, Wish, tres_of
from .reply import Reply, Stop
from .routes import knows_user

LARGEST_SCRIPT = 4 * 1024 * 1024
MESSAGES = {
    2000: "Invalid partition name specified",
    2009: "Job script not specified",
    2012: "Pathname of a file, directory or other parameter too long",
    2014: "Requested node configuration is not available",
    2015: "Requested partition configuration not available now",
    2019: "I/O error writing script/environment to file",
    2042: "Job is in held state, pending scheduler release",
    2045: "Invalid account or account/partition combination specified",
    2050: "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    2063: "Job cannot be submitted without the current working directory specified.",
    2066: "Invalid qos specification",
}


class Submission(msgspec.Struct):
    script: str | None = None
    job: dict[str, Any] | None = None


def read_body(body: bytes) -> Submission:
    """Raises Stop when the body is no submission."""
    try:
        return msgspec.json.decode(body or b"{}", type=Submission)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Stop(Reply(400, b"Unable to parse query.")) from None


def objection(cluster: VirtualCluster, wish: Wish) -> int:
    """The error number of what forbids the job, 0 when nothing does."""
    if wish.partition not in cluster.partitions:
        return 2000
    own = (wish.account, wish.user)
    if own not in cluster.book.assocs or not knows_user(cluster, wish.user):
        return 2045
    if wish.qos not in cluster.book.qos(*own):
        return 2066
    most = cluster.book.effective(*own, "submit_jobs")
    if most is not None and most <= _open_jobs(cluster, wish):
        return 2050
    return 0


def can_ever_run(cluster: VirtualCluster, wish: Wish) -> bool:
    """A job for which this is False leaves a FAILED record (see `VirtualCluster._on_reject`). Nobody asks
    while a limit keeps the job waiting."""
    probe = Job(id=0, wish=wish, run=Run(0, 0), tres=tres_of(wish))
    return cluster.is_limited(probe) or cluster.partitions[wish.partition].could_ever_hold(probe)


def _open_jobs(cluster: VirtualCluster, wish: Wish) -> int:
    own = (wish.account, wish.user)
    return sum(
        1 for job in cluster.live.values() if not job.ended and (job.wish.account, job.wish.user) == own
    )


def count(value: Any) -> int:
    """`2`, `"2"` and `"2-4"` → 2; at least 1."""
    text = str(value or 1).partition("-")[0]
    return max(int(text), 1) if text.isdigit() else 1
