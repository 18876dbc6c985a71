"""Every check of the preflight, and every finding in words: what was found, what to do, who does it.

The texts are English message ids; runs keep codes and parameters, so each reader gets their own language.
"""

from typing import NamedTuple

from django.utils.translation import gettext_noop as _

from scheduler_bridge.sites.preflight.lines import Result, Who, Words
from scheduler_bridge.sites.preflight.words import connection, slurm


class Check(NamedTuple):
    """`hard`: a cluster that doesn't pass it isn't switched on without a reason given.

    `fence`: without it Slurm doesn't stop over-use by itself.
    """

    title: str
    hard: bool = False
    fence: bool = False


CHECKS = {
    "transport": Check(_("The way there is protected"), hard=True),
    "reachable": Check(_("Reachable"), hard=True),
    "versions": Check(_("REST version"), hard=True),
    "token": Check(_("Token accepted"), hard=True),
    "clock": Check(_("Clocks agree"), hard=True),
    "speaker": Check(_("Who speaks for the portal"), hard=True),
    "cluster_name": Check(_("Name of the cluster"), hard=True),
    "rights": Check(_("Rights of the operator login"), hard=True),
    "service": Check(_("Level of service")),
    "gpu_tracked": Check(_("GPUs are counted"), hard=True, fence=True),
    "partitions": Check(_("Partitions"), hard=True),
    "gpus": Check(_("GPUs"), hard=True),
    "associations": Check(_("Unknown Slurm accounts are refused"), fence=True),
    "limits": Check(_("Limits are enforced"), fence=True),
    "safe": Check(_("Jobs that would pass the budget don't start")),
    "decay": Check(_("Spent is spent"), fence=True),
    "comment": Check(_("Accounting keeps the portal's mark"), hard=True),
    "cpu_only": Check(_("Jobs without GPUs on GPU nodes")),
    "private": Check(_("Others' jobs are private")),
    "logins": Check(_("Logins of people")),
    "cleanup": Check(_("Nothing is left behind")),
}

COMMON = {
    "needs": Words(Result.UNTRIED, _("Not tried: “%(check)s” has to pass first.")),
    "no_answer": Words(
        Result.UNTRIED,
        _("Slurm gave no clear answer: %(reason)s"),
        _("Run the preflight again. If it says so again, look into the logs of slurmrestd and slurmctld."),
        Who.SLURM,
    ),
    "not_shown": Words(
        Result.UNTRIED,
        _("Not shown yet: REST doesn't tell this setting."),
        _("Paste the output of “scontrol show config” below."),
        Who.MANAGER,
    ),
    "outdated": Words(
        Result.UNTRIED,
        _(
            "Not shown for this release: the pasted configuration is of Slurm %(was)s, the cluster has "
            "%(now)s."
        ),
        _("Paste the output of “scontrol show config” again."),
        Who.MANAGER,
    ),
    "no_partition": Words(
        Result.UNTRIED,
        _("The cluster has no partition on which this could be tried."),
        _("Add a resource of this site and name its partition."),
        Who.MANAGER,
    ),
    "probe_refused": Words(
        Result.UNTRIED,
        _("The probe job was refused on the partition %(partition)s: %(reason)s"),
        _("Let the Slurm account %(account)s use the partition, then run the preflight again."),
        Who.SLURM,
    ),
    "stopped": Words(
        Result.UNTRIED,
        _("Nothing may be written or sent here now: this portal may be a copy, or was restored."),
        _("Have “manage.py resume_dispatch” look up every open job first."),
        Who.OPERATOR,
    ),
    "fault": Words(
        Result.UNTRIED,
        _("The check itself failed."),
        _("Look into the log of the portal's workers, around the time of this run."),
        Who.OPERATOR,
    ),
}

WORDS = connection.WORDS | slurm.WORDS


def words_of(check: str, code: str) -> Words:
    """Raises KeyError for a finding that the catalogue doesn't have."""
    return WORDS[check][code] if code in WORDS[check] else COMMON[code]
