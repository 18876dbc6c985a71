"""Slurm's reasons for a job that waits or failed, in plain words, each with what to do about it."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

# What the bridge itself writes into a job's reason, for the catalogue.
OWN_REASONS = (
    gettext_noop("This site may no longer hold data of the project's class."),
    gettext_noop("The allocation isn't active."),
    gettext_noop("The allocation has ended."),
    gettext_noop("Its sender has left the project, or has another login at the site now."),
    gettext_noop("The site login is being added to the allocation's Slurm account."),
    gettext_noop("The allocation's limit is being changed at the site."),
    gettext_noop("The site is in trouble: sent when it answers."),
    gettext_noop("The worker that sent it fell silent."),
    gettext_noop("The cluster no longer shows it; it is being looked up."),
    gettext_noop("It wasn't on the cluster; it is being sent again."),
    gettext_noop("The attempt's time had passed before it was sent."),
    gettext_noop("No token could be signed: the portal's operators are needed."),
)


@dataclass(frozen=True)
class Reason:
    """`words` are Slurm's own, empty where the portal speaks for itself."""

    text: Any
    remedy: Any = ""
    words: str = ""


WAIT = _("Nothing to do: it starts by itself.")
ASK_SITE = _("If it lasts, ask the site's managers.")
CANCEL = _("Cancel it and send it again with a smaller size.")

REASONS: dict[str, tuple[Any, Any]] = {
    "Resources": (_("It is next in line and waits until enough GPUs, CPUs or memory are free."), WAIT),
    "Priority": (_("Jobs with a higher priority stand before it in the queue."), WAIT),
    "Cleaning": (_("The nodes are being cleaned up after another job."), WAIT),
    "Prolog": (_("The nodes are being prepared for it."), WAIT),
    "BeginTime": (_("Its start was put off to a later moment."), WAIT),
    "Dependency": (_("It waits for another job to end."), WAIT),
    "DependencyNeverSatisfied": (_("The job that it waits for didn't end as it should."), _("Cancel it.")),
    "JobHeldUser": (_("It is held by its owner."), _("Release it at the site, or cancel it.")),
    "JobHeldAdmin": (_("It is held by those who run the site."), _("Ask the site's managers why.")),
    "BadConstraints": (_("No node of the partition can ever offer what it asks for."), CANCEL),
    "ReqNodeNotAvail": (
        _("Nodes that it needs are down, drained or reserved."),
        _("It starts when they are back. If it lasts, ask the site's managers."),
    ),
    "Reservation": (_("It waits for a reservation of nodes."), WAIT),
    "NodeDown": (_("A node that it needs is down."), ASK_SITE),
    "PartitionDown": (_("The partition doesn't start jobs at present."), ASK_SITE),
    "PartitionInactive": (_("The partition doesn't start jobs at present."), ASK_SITE),
    "PartitionNodeLimit": (_("It asks for more nodes than the partition allows."), CANCEL),
    "PartitionTimeLimit": (_("It asks for more time than the partition allows."), CANCEL),
    "PartitionConfig": (_("The partition's limits don't allow it."), CANCEL),
    "Licenses": (_("It waits for a software licence."), WAIT),
    "MaxMemPerLimit": (_("It asks for more memory than the site allows."), CANCEL),
    "AccountNotAllowed": (_("The partition isn't open to this allocation's Slurm account."), ASK_SITE),
    "InvalidAccount": (_("The site's Slurm doesn't know the allocation's Slurm account."), ASK_SITE),
    "InvalidQOS": (_("The site's Slurm doesn't know the quality of service."), ASK_SITE),
    "AssocMaxJobsLimit": (
        _("As many jobs run as the allocation may have at once, or it is suspended."),
        _("Look at the allocation's state. Otherwise it starts when another job has ended."),
    ),
    "AssocMaxSubmitJobLimit": (
        _("As many jobs are queued as the allocation may have, or it is suspended."),
        _("Look at the allocation's state. Otherwise wait until other jobs have ended."),
    ),
    "AssocMaxWallDurationPerJobLimit": (
        _("It asks for more time than a job of this allocation may have."),
        _("Cancel it and send it again with a shorter wall time."),
    ),
    "NonZeroExitCode": (
        _("The script ended with an error."),
        _("Look at its error file at the site, mend the script, and send it again."),
    ),
    "RaisedSignal": (_("The script was ended by a signal."), _("Look at its error file at the site.")),
    "OutOfMemory": (
        _("It used more memory than it had asked for."),
        _("Send it again with more memory, or make the program use less."),
    ),
    "TimeLimit": (
        _("It reached its time limit."),
        _("Send it again with more time, or let the program save its state and go on from there."),
    ),
    "JobLaunchFailure": (
        _("The site couldn't start it: a node, file system or path may be wrong."),
        ASK_SITE,
    ),
    "SystemFailure": (_("The site's Slurm had a failure."), _("Send it again; if it lasts, ask the site.")),
    "InactiveLimit": (_("It was idle for too long."), _("Look at its error file at the site.")),
}

# Families of reasons, by pattern; the first that fits counts.
FAMILIES: tuple[tuple[str, Any, Any], ...] = (
    (
        r"AssocGrp\w*RunMinutes",
        _("The jobs that run now could use up what the site lets the allocation run at once."),
        _("It starts when others have ended."),
    ),
    (
        r"AssocGrp\w*Minutes(Limit)?",
        _("What is left of the budget at the site doesn't cover its GPUs × wall time."),
        _("It starts if running jobs end early. Else cancel it, and ask for more GPU-hours or less time."),
    ),
    (
        r"AssocGrp\w*",
        _("The allocation uses as much at once as the site lets it."),
        _("It starts when other jobs of the allocation have ended."),
    ),
    (r"AssocMax\w*", _("It asks for more than one job of this allocation may have."), CANCEL),
    (
        r"QOSGrp\w*|QOSUsageThreshold|QOSJobLimit|QOSResourceLimit",
        _("All jobs of its quality of service together use as much as the site lets them."),
        WAIT,
    ),
    (r"QOS\w*", _("Its size goes beyond the site's quality of service."), CANCEL),
    (r"MaxJobsPerAccount|MaxSubmitJobs\w*", _("As many jobs run as the site allows."), WAIT),
)


def lines(error: Any, *, words: str = "") -> str:
    """An error as it is stored: Slurm's own words where it has any, what it means, what to do about it.

    The last two are msgids, which `explain` translates.
    """
    return "\n".join(filter(None, [" ".join(words.split()), error.cause, error.remedy]))


def _of_lines(parts: list[str]) -> Reason:
    *words, cause, remedy = parts
    return Reason(gettext(cause), gettext(remedy), words=" ".join(words))


def in_a_line(reason: str) -> str:
    """The same for a table's cell or a line of the story."""
    told = explain(reason)
    if told is None:
        return ""
    parts = [str(told.text), str(told.remedy), f"({told.words})" if told.words else ""]
    return " ".join(part for part in parts if part)


def explain(reason: str) -> Reason | None:
    """A job's reason for people; None where there is none."""
    if not reason:
        return None
    if reason in OWN_REASONS:
        return Reason(gettext(reason))
    if "\n" in reason:
        return _of_lines(reason.split("\n"))
    # Slurm adds details after a comma or in brackets: ReqNodeNotAvail, UnavailableNodes:ned01.
    name = re.split(r"[,(\s]", reason.strip("()"), maxsplit=1)[0]
    if name in REASONS:
        return Reason(*REASONS[name], words=reason)
    for pattern, text, remedy in FAMILIES:
        if re.fullmatch(pattern, name):
            return Reason(text, remedy, words=reason)
    if " " in reason:
        return Reason(reason)  # a sentence already
    return Reason(_("Slurm gives a reason that the portal doesn't know."), ASK_SITE, words=reason)
