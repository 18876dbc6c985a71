"""Slurm's error numbers in plain words, as English msgids marked for translation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


def gettext_noop(message: str) -> str:
    """Marks a msgid for extraction; this package translates nothing itself."""
    return message


class Explanation(NamedTuple):
    """`cause` says what happened, `remedy` what the reader can do."""

    cause: str
    remedy: str


def explain(code: int) -> Explanation | None:
    """The plain words for one of Slurm's error numbers, or None when we have none."""
    return EXPLANATIONS.get(code)


EXPLANATIONS: Mapping[int, Explanation] = MappingProxyType(
    {
        1007: Explanation(
            gettext_noop("Slurm did not accept the portal's token."),
            gettext_noop("Check the signing key, both clocks, and that the user exists on the cluster."),
        ),
        1800: Explanation(
            gettext_noop("The cluster's controller (slurmctld) cannot be reached."),
            gettext_noop("Wait; the portal tries again by itself. If it lasts, tell the site's support."),
        ),
        2000: Explanation(
            gettext_noop("The cluster has no partition of this name."),
            gettext_noop("Choose another resource, or ask the site's manager to correct its partition."),
        ),
        2002: Explanation(
            gettext_noop("The Slurm user is not allowed to do this."),
            gettext_noop("Ask the site's manager to check the portal's rights on the cluster."),
        ),
        2005: Explanation(
            gettext_noop("More CPUs were asked for than the partition has."),
            gettext_noop("Ask for fewer CPUs."),
        ),
        2006: Explanation(
            gettext_noop("The number of nodes does not suit the partition."),
            gettext_noop("Ask for fewer nodes."),
        ),
        2012: Explanation(
            gettext_noop("The script or a path is too long for Slurm."),
            gettext_noop("Shorten the script: keep large inputs in files and have the script read them."),
        ),
        2014: Explanation(
            gettext_noop("No node of the partition can ever offer these GPUs, CPUs and memory."),
            gettext_noop("Ask for fewer GPUs, CPUs or less memory, or choose another resource."),
        ),
        2015: Explanation(
            gettext_noop("The partition's limits do not allow this job."),
            gettext_noop("Ask for less time or fewer nodes, or choose another resource."),
        ),
        2017: Explanation(
            gettext_noop("Slurm does not know this job."),
            gettext_noop("It may have ended long ago: look in the accounting records."),
        ),
        2019: Explanation(
            gettext_noop("The job came without an environment."),
            gettext_noop("Give the job at least one environment variable, such as PATH."),
        ),
        2021: Explanation(
            gettext_noop("The job has already ended."),
            gettext_noop("Nothing to do."),
        ),
        2042: Explanation(
            gettext_noop("The job was accepted and is held."),
            gettext_noop("Release the job when it should run."),
        ),
        2044: Explanation(
            gettext_noop("The memory asked for is not allowed."),
            gettext_noop("Ask for less memory."),
        ),
        2045: Explanation(
            gettext_noop("The Slurm account does not exist or this user may not use it on this partition."),
            gettext_noop(
                "Wait until the allocation is active; if it is, ask the site's manager to check it."
            ),
        ),
        2050: Explanation(
            gettext_noop("A limit of the allocation forbids this job; it may be suspended."),
            gettext_noop("Look at the allocation's state and limits, or wait until other jobs have ended."),
        ),
        2051: Explanation(
            gettext_noop("The time limit is not allowed."),
            gettext_noop("Ask for a shorter time."),
        ),
        2063: Explanation(
            gettext_noop("The job came without a working directory."),
            gettext_noop("Give a working directory that exists on the cluster."),
        ),
        2066: Explanation(
            gettext_noop("The quality of service does not exist or is not open to this account."),
            gettext_noop("Leave the quality of service empty, or ask the site's manager to open it."),
        ),
        2072: Explanation(
            gettext_noop("The cluster has no GPU of this model."),
            gettext_noop("Choose another resource, or ask the site's manager to correct its GPU type."),
        ),
        7000: Explanation(
            gettext_noop(
                "The cluster's accounting daemon (slurmdbd) cannot be reached or refused the token."
            ),
            gettext_noop("Wait; the portal tries again by itself. If it lasts, tell the site's support."),
        ),
        7001: Explanation(
            gettext_noop("The account still has active jobs."),
            gettext_noop("Wait until its jobs have ended, or cancel them."),
        ),
        9000: Explanation(
            gettext_noop("A field of the request is empty or has a value that Slurm cannot read."),
            gettext_noop("Look at the script and the figures of the job; the script must not be empty."),
        ),
        9003: Explanation(
            gettext_noop("Slurm found nothing that matches."),
            gettext_noop("It may not have been recorded yet: try again in a few seconds."),
        ),
    }
)
