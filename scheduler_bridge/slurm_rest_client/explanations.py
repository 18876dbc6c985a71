"""Slurm's error numbers in plain words, as English msgids marked for translation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

type Who = Literal["person", "site", "portal"]
"""Who can do something about it: the person who sent the job, the site's managers, the portal's operators."""


def gettext_noop(message: str) -> str:
    """Marks a msgid for extraction; this package translates nothing itself."""
    return message


class Explanation(NamedTuple):
    """`cause` says what happened, `remedy` what to do about it, `who` whose task that is."""

    cause: str
    remedy: str
    who: Who = "site"


def explain(code: int) -> Explanation | None:
    """The plain words for one of Slurm's error numbers, or None when we have none."""
    return EXPLANATIONS.get(code)


EXPLANATIONS: Mapping[int, Explanation] = MappingProxyType(
    {
        -1: Explanation(
            gettext_noop("The cluster's controller (slurmctld) cannot be reached or refused the token."),
            gettext_noop(
                "Wait; the portal tries again by itself. If it lasts, check the key and both clocks."
            ),
            "site",
        ),
        1000: Explanation(
            gettext_noop("The cluster's controller is away, or it did not accept the portal's token."),
            gettext_noop(
                "Wait; the portal tries again by itself. If it lasts, check the key and both clocks."
            ),
            "portal",
        ),
        1007: Explanation(
            gettext_noop("Slurm did not accept the portal's token."),
            gettext_noop("Check the signing key, both clocks, and that the user exists on the cluster."),
            "site",
        ),
        1800: Explanation(
            gettext_noop("The cluster's controller (slurmctld) cannot be reached."),
            gettext_noop("Wait; the portal tries again by itself. If it lasts, tell the site's support."),
            "site",
        ),
        2000: Explanation(
            gettext_noop("The cluster has no partition of this name."),
            gettext_noop("Choose another resource, or ask the site's manager to correct its partition."),
            "site",
        ),
        2002: Explanation(
            gettext_noop("The Slurm user is not allowed to do this."),
            gettext_noop("Ask the site's manager to check the portal's rights on the cluster."),
            "site",
        ),
        2005: Explanation(
            gettext_noop("More CPUs were asked for than the partition has."),
            gettext_noop("Ask for fewer CPUs."),
            "person",
        ),
        2006: Explanation(
            gettext_noop("The number of nodes does not suit the partition."),
            gettext_noop("Ask for fewer nodes."),
            "person",
        ),
        2009: Explanation(
            gettext_noop("The job came without a script."),
            gettext_noop("Write a script whose first line begins with #!, such as #!/bin/bash."),
            "person",
        ),
        2010: Explanation(
            gettext_noop("The cluster does not know this user, or the portal may not submit for them."),
            gettext_noop("Ask the site's manager to check that the login exists on the cluster."),
            "site",
        ),
        2012: Explanation(
            gettext_noop("The script or a path is too long for Slurm."),
            gettext_noop("Shorten the script: keep large inputs in files and have the script read them."),
            "person",
        ),
        2014: Explanation(
            gettext_noop("No node of the partition can ever offer these GPUs, CPUs and memory."),
            gettext_noop("Ask for fewer GPUs, CPUs or less memory, or choose another resource."),
            "person",
        ),
        2015: Explanation(
            gettext_noop("The partition's limits do not allow this job."),
            gettext_noop("Ask for less time or fewer nodes, or choose another resource."),
            "person",
        ),
        2017: Explanation(
            gettext_noop("Slurm does not know this job."),
            gettext_noop("It may have ended long ago: look in the accounting records."),
            "person",
        ),
        2019: Explanation(
            gettext_noop("The job came without an environment."),
            gettext_noop("Give the job at least one environment variable, such as PATH."),
            "portal",
        ),
        2021: Explanation(
            gettext_noop("The job has already ended."),
            gettext_noop("Nothing to do."),
            "person",
        ),
        2042: Explanation(
            gettext_noop("The job was accepted and is held."),
            gettext_noop("Release the job when it should run."),
            "person",
        ),
        2044: Explanation(
            gettext_noop("The memory asked for is not allowed."),
            gettext_noop("Ask for less memory."),
            "person",
        ),
        2045: Explanation(
            gettext_noop("The Slurm account does not exist or this user may not use it on this partition."),
            gettext_noop(
                "Wait until the allocation is active; if it is, ask the site's manager to check it."
            ),
            "site",
        ),
        2050: Explanation(
            gettext_noop("A limit of the allocation forbids this job; it may be suspended."),
            gettext_noop("Look at the allocation's state and limits, or wait until other jobs have ended."),
            "person",
        ),
        2051: Explanation(
            gettext_noop("The time limit is not allowed."),
            gettext_noop("Ask for a shorter time."),
            "person",
        ),
        2063: Explanation(
            gettext_noop("The job came without a working directory."),
            gettext_noop("Give a working directory that exists on the cluster."),
            "portal",
        ),
        2066: Explanation(
            gettext_noop("The quality of service does not exist or is not open to this account."),
            gettext_noop("Leave the quality of service empty, or ask the site's manager to open it."),
            "site",
        ),
        2072: Explanation(
            gettext_noop("The cluster has no GPU of this model."),
            gettext_noop("Choose another resource, or ask the site's manager to correct its GPU type."),
            "site",
        ),
        2084: Explanation(
            gettext_noop("The job has already ended."),
            gettext_noop("Nothing to do."),
            "person",
        ),
        2115: Explanation(
            gettext_noop("The cluster does not count what was asked for, such as GPUs of this model."),
            gettext_noop("Choose another resource, or ask the site's manager to correct its GPU type."),
            "site",
        ),
        2127: Explanation(
            gettext_noop("The job came without an environment."),
            gettext_noop("Give the job at least one environment variable, such as PATH."),
            "portal",
        ),
        5005: Explanation(
            gettext_noop(
                "The cluster's controller broke off the exchange, or did not accept the portal's token."
            ),
            gettext_noop("Nothing to do: the job is looked up on the cluster before anything is sent again."),
            "portal",
        ),
        7000: Explanation(
            gettext_noop(
                "The cluster's accounting daemon (slurmdbd) cannot be reached or refused the token."
            ),
            gettext_noop("Wait; the portal tries again by itself. If it lasts, tell the site's support."),
            "site",
        ),
        7001: Explanation(
            gettext_noop("The account still has active jobs."),
            gettext_noop("Wait until its jobs have ended, or cancel them."),
            "person",
        ),
        7009: Explanation(
            gettext_noop("It is the user's default account on the cluster, which Slurm does not remove."),
            gettext_noop("Ask the site's manager to give the user another default account first."),
            "site",
        ),
        9000: Explanation(
            gettext_noop("A field of the request is empty or has a value that Slurm cannot read."),
            gettext_noop("Look at the script and the figures of the job; the script must not be empty."),
            "portal",
        ),
        9001: Explanation(
            gettext_noop("The request has a field that this release of Slurm does not know."),
            gettext_noop("Run the preflight: it finds the versions that both sides speak."),
            "portal",
        ),
        9003: Explanation(
            gettext_noop("Slurm found nothing that matches."),
            gettext_noop("It may not have been recorded yet: try again in a few seconds."),
            "portal",
        ),
        9210: Explanation(
            gettext_noop("More than one object fits the request, so Slurm did nothing."),
            gettext_noop("Tell the portal's operators: the request has to name one object."),
            "portal",
        ),
    }
)
