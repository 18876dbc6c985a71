"""Reads of preflights: who may see which, and lines in words."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext

from datacenters.models import Cluster, SiteRole
from datacenters.services.clusters import REACHED_BY
from scheduler_bridge.models import PreflightRun, SlurmConfigReport
from scheduler_bridge.sites.preflight import config
from scheduler_bridge.sites.preflight.catalogue import CHECKS, words_of
from scheduler_bridge.sites.preflight.lines import Result, Who
from scheduler_bridge.sites.preflight.run import hard_faults, missing_fence


def visible_to(user: Any) -> QuerySet[PreflightRun]:
    """Preflights of the sites that one manages; admins see all."""
    runs = PreflightRun.objects.select_related("cluster__site", "requested_by")
    if "admin" in user.roles:
        return runs
    managed = SiteRole.objects.filter(user=user, role=SiteRole.Role.MANAGER).values("site")
    return runs.filter(cluster__site__in=managed)


def latest(cluster: Cluster) -> PreflightRun | None:
    """The newest run, at work or done."""
    return PreflightRun.objects.filter(cluster=cluster).select_related("requested_by").first()


def last_done(cluster: Cluster, *, before: PreflightRun | None = None) -> PreflightRun | None:
    runs = PreflightRun.objects.filter(cluster=cluster, state=PreflightRun.State.DONE)
    return runs.filter(pk__lt=before.pk).first() if before else runs.first()


def config_report(cluster: Cluster) -> SlurmConfigReport | None:
    return SlurmConfigReport.objects.filter(cluster=cluster).select_related("reported_by").first()


def config_of(cluster: Cluster) -> Mapping[str, str]:
    """What is known of slurm.conf: as pasted; a sandbox's is known; else nothing."""
    if cluster.is_sandbox:
        return config.SANDBOX
    report = config_report(cluster)
    return report.settings if report else {}


def title_of(check: str) -> str:
    return gettext(CHECKS[check].title) if check in CHECKS else check


# Parameters that are themselves to be put into words.
IN_WORDS = {"check": title_of, "cause": gettext, "advice": gettext}


def in_words(line: Mapping[str, Any]) -> dict[str, Any]:
    """A stored line in the active language: check, title, result, found, remedy, who, hard."""
    check, code, params = line["check"], line["code"], dict(line["params"])
    told: dict[str, Any] = {"check": check, "code": code, "params": params, "title": title_of(check)}
    told["hard"] = check in CHECKS and CHECKS[check].hard
    try:
        words = words_of(check, code)
        shown = params | {name: put(params[name]) for name, put in IN_WORDS.items() if params.get(name)}
        told |= {
            "result": words.result,
            "found": gettext(words.found) % shown,
            "remedy": gettext(words.remedy) % shown if words.remedy else "",
            "who": words.who,
        }
    except KeyError:  # written by a release that knew other findings
        told |= {"result": Result.UNTRIED, "found": code, "remedy": "", "who": Who.NOBODY}
    return told


def told(run: PreflightRun) -> list[dict[str, Any]]:
    return [in_words(line) for line in run.lines]


def why_ledger_only(run: PreflightRun) -> list[str]:
    """Titles of the checks for want of which Slurm is no fence."""
    return [title_of(name) for name in missing_fence(run.lines)] if is_done(run) else []


def why_not_fit(run: PreflightRun) -> list[str]:
    """Titles of the hard checks that aren't passed."""
    return [title_of(name) for name in hard_faults(run.lines)] if is_done(run) else []


def is_done(run: PreflightRun) -> bool:
    return run.state == PreflightRun.State.DONE


def reached_by(cluster: Cluster) -> dict[str, str | bool]:
    """A run of another address, key or login says nothing about this one."""
    return {name: getattr(cluster, name) for name in REACHED_BY}
