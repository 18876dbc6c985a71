"""Preflights: asking for one, running it, showing it the site's configuration, switching the cluster on."""

import logging

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters import services as datacenters
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import PreflightRun, SlurmConfigReport
from scheduler_bridge.sites.preflight import config, selectors
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.notices import tell_worse
from scheduler_bridge.sites.preflight.probe import Probe
from scheduler_bridge.sites.preflight.run import hard_faults, lines_of, verdict_of

log = logging.getLogger(__name__)


@transaction.atomic
def preflight_start(*, actor: User | None, cluster: Cluster) -> PreflightRun:
    """Have the cluster's preflight run by a worker; one that is at work is returned instead of a second.

    `actor` None: the portal itself. Raises NotAllowed, SecondFactorNeeded.
    """
    if actor is not None:
        require(actor, "datacenters.manage_site", cluster.site)
        require_second_factor(actor)
    Cluster.objects.select_for_update(of=("self",)).get(pk=cluster.pk)  # one at a time
    current = selectors.latest(cluster)
    if current is not None and current.is_at_work:
        return current
    PreflightRun.objects.filter(cluster=cluster, state=PreflightRun.State.RUNNING).update(
        state=PreflightRun.State.BROKEN, finished_at=clock.now()
    )
    run = PreflightRun.objects.create(
        cluster=cluster, requested_by=actor, asked=selectors.reached_by(cluster)
    )
    audit.record(actor=actor, action="preflight_start", target=cluster, after={"preflight": run.code})
    outbox.enqueue(topic="cluster_preflight", key=run.code, payload={"preflight": run.code})
    return run


def preflight_run(run: PreflightRun) -> PreflightRun:
    """Try every check and keep each line as it comes. What the cluster answers is never raised.

    The REST version and the release that were found are kept on the cluster.
    """
    waiting = PreflightRun.objects.filter(
        pk=run.pk, state=PreflightRun.State.RUNNING, started_at__isnull=True
    )
    if not waiting.update(started_at=clock.now()):
        return run  # delivered twice
    cluster, found = run.cluster, None
    for told in lines_of(cluster, run.code, selectors.config_of(cluster)):
        if isinstance(told, Line):
            run.lines.append(told.stored())
            run.store("lines")
        else:
            found = told
    if found is not None:
        _finish(run, found)
    return run


@transaction.atomic
def _finish(run: PreflightRun, probe: Probe) -> None:
    run.state, run.finished_at = PreflightRun.State.DONE, clock.now()
    run.versions, run.release = list(probe.versions), probe.release[:20]
    run.may_serve, run.verdict = not hard_faults(run.lines), verdict_of(run.lines)
    run.store("state", "finished_at", "versions", "release", "may_serve", "verdict")
    if probe.versions and probe.skew is not None:
        datacenters.cluster_seen(cluster=run.cluster, release=probe.release, api_version=probe.versions[0])
    before = selectors.last_done(run.cluster, before=run)
    if before is not None:
        tell_worse(run, before)
    audit.record(
        actor=run.requested_by,
        action="preflight_finish",
        target=run.cluster,
        after={"preflight": run.code, "verdict": run.verdict, "may_serve": run.may_serve},
    )


@transaction.atomic
def slurm_config_report(*, actor: User, cluster: Cluster, text: str) -> SlurmConfigReport:
    """Keep what the preflight needs of a pasted `scontrol show config`; the rest is forgotten.

    Raises InvalidInput (field `text`) for another text or another cluster's; NotAllowed, SecondFactorNeeded.
    """
    require(actor, "datacenters.manage_site", cluster.site)
    require_second_factor(actor)
    settings = config.parse(text)
    if settings["ClusterName"] != cluster.slurm_name:
        raise InvalidInput(
            _("This is the configuration of %(found)s, not of %(name)s.")
            % {"found": settings["ClusterName"], "name": cluster.slurm_name},
            field="text",
            remedy=_("Run the command at this site's cluster."),
        )
    report, _new = SlurmConfigReport.objects.update_or_create(
        cluster=cluster,
        defaults={"settings": settings, "reported_by": actor, "reported_at": clock.now()},
    )
    audit.record(actor=actor, action="slurm_config_report", target=cluster, after=settings)
    return report


def preflight_allows(cluster: Cluster) -> Refused | None:
    """Why the cluster isn't to be switched on, or None: its last preflight passed, and it is still reached in
    the same way."""
    run = selectors.last_done(cluster)
    remedy = _("Run the preflight, and mend what fails.")
    if run is None:
        return Refused(_("This cluster hasn't had a preflight."), remedy=remedy, code="no_preflight")
    if run.asked != selectors.reached_by(cluster):
        return Refused(
            _("The cluster's address, name, key or login has changed since its last preflight."),
            remedy=remedy,
            code="preflight_outdated",
        )
    if not run.may_serve:
        return Refused(
            _("The last preflight didn't pass: %(checks)s.")
            % {"checks": ", ".join(selectors.why_not_fit(run))},
            remedy=remedy,
            code="preflight_failed",
            figures={"checks": hard_faults(run.lines)},
        )
    return None


@transaction.atomic
def cluster_switch_on(*, actor: User, cluster: Cluster, reason: str = "") -> Cluster:
    """Have jobs sent to the cluster. One that its preflight doesn't allow needs a reason. For admins.

    Raises Refused (the preflight says no, and `reason` is empty), IllegalState (it is on), NotAllowed,
    SecondFactorNeeded.
    """
    require(actor, "datacenters.administer")
    require_second_factor(actor)
    # As it is now: somebody may have led it elsewhere since the page was opened.
    cluster = Cluster.objects.select_for_update(of=("self",)).select_related("site").get(pk=cluster.pk)
    if cluster.is_enabled:
        raise IllegalState(_("This cluster is switched on already."))
    refusal, reason = preflight_allows(cluster), reason.strip()
    if refusal is not None and not reason:
        refusal.field = "reason"
        refusal.remedy = f"{refusal.remedy} {_('Or say why it is switched on all the same.')}"
        raise refusal
    if refusal is not None:
        after = {"refused": refusal.code, **refusal.figures}
        audit.record(actor=actor, action="preflight_override", target=cluster, after=after, reason=reason)
    return datacenters.cluster_update(actor=actor, cluster=cluster, reason=reason, is_enabled=True)
