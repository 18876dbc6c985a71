"""Bringing Slurm to what an allocation should look like: read, compare, write, read back.

Only Slurm accounts that the portal made or was told to adopt are touched, and they are never deleted.
"""

from django.db import transaction
from django.utils.translation import gettext_noop

from allocations.awards import services as awards
from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from datacenters.models import Cluster, SiteRole
from portal.foundation import clock
from portal.foundation.services import audit
from portal.notices.services.notices import notify
from portal.people.models import User
from scheduler_bridge.dispatch import locks
from scheduler_bridge.jobs.reasons import in_a_line, lines
from scheduler_bridge.models import ProvisioningRun, SlurmAccountBinding
from scheduler_bridge.provisioning.slurm import ProvisioningProblem, Slurm
from scheduler_bridge.provisioning.survey import Survey
from scheduler_bridge.slurm_rest_client import SlurmError

# A new generation takes: opening, stopping the one before, reserving, making, moving, reading back.
MOST_LOOKS = 8


def reconcile(allocation: Allocation, *, is_drift: bool = False) -> ProvisioningRun:
    """Reconcile one allocation; an active allocation has had its limits read back.

    Returns the record, kept where something was done or something else than last time is in the way. Errors
    are in it, not raised: the next run tries again. `is_drift`: the portal knew of nothing to do, so whatever
    there is was done behind its back, and the site's managers hear of it. At an unbridged site there is
    nothing to set up: an allocation is active at once.
    """
    if allocation.resource.site.is_unbridged:
        return _without_slurm(allocation)
    run = ProvisioningRun(allocation=allocation)
    cluster = allocation.resource.cluster
    try:
        if cluster is None:
            raise ProvisioningProblem("The site has no cluster.", "Connect its cluster first.")
        survey = _carry_out(allocation, cluster, run)
    except (SlurmError, ProvisioningProblem, OSError) as error:
        run.is_drift = is_drift and bool(run.actions)
        run.error = words_of(error)
        _keep(run, needs_somebody=isinstance(error, ProvisioningProblem))
        return run
    run.is_drift = is_drift and bool(run.actions)
    with transaction.atomic():
        locks.keep()
        if survey.own is not None:
            _remember(allocation, survey)
        _keep(run, needs_somebody=bool(run.remedies))
        if run.actions:
            audit.record(
                actor=None, action="allocation_provision", target=allocation, after={"actions": run.actions}
            )
    return run


def _without_slurm(allocation: Allocation) -> ProvisioningRun:
    """The ledger alone bounds what an unbridged site uploads."""
    run = ProvisioningRun(allocation=allocation)
    if allocation.state == AllocationState.PROVISIONING:
        with transaction.atomic():
            awards.allocation_activate(allocation=allocation)
            run.actions = ["active without Slurm"]
            run.save()
    return run


def words_of(error: Exception) -> str:
    """What went wrong and what helps, for the record; pages tell it in the reader's language."""
    if isinstance(error, SlurmError):
        return lines(error, words=str(error))
    return lines(error) if isinstance(error, ProvisioningProblem) else str(error)


def _carry_out(allocation: Allocation, cluster: Cluster, run: ProvisioningRun) -> Survey:
    """Look and act until nothing is left to do; what was done is added to the run. Returns the last look."""
    slurm = Slurm(cluster)
    slurm.check_tracked()
    for _ in range(MOST_LOOKS):
        survey = Survey(allocation, slurm)
        run.desired, run.found, run.remedies = survey.wanted(), survey.summary(), survey.remedies
        if not survey.steps:
            return survey
        for step in survey.steps:
            locks.keep()  # many logins take their time
            step.do()
            run.actions.append(step.text)
        slurm.refresh()
    raise ProvisioningProblem(
        f"Slurm doesn't keep what is written: {survey.steps[0].text}.",
        "Somebody else may be changing the same Slurm account; look at slurmdbd's log.",
    )


def _keep(run: ProvisioningRun, *, needs_somebody: bool) -> None:
    """Save the run where it tells something new, and tell the site's managers what they must know, once."""
    last = ProvisioningRun.objects.filter(allocation=run.allocation).first()
    hinders = (run.error, run.remedies)
    is_new = hinders != ((last.error, last.remedies) if last else ("", []))
    if not (run.actions or is_new or last is None):
        return
    run.save()
    if run.is_drift or (needs_somebody and is_new):
        _tell_managers(run)


def _tell_managers(run: ProvisioningRun) -> None:
    site = run.allocation.resource.site
    if run.error or run.remedies:
        subject = gettext_noop("Slurm can't be brought into line for “%(project)s” at %(site)s")
        body = gettext_noop("What to do: %(what)s")
    else:
        subject = gettext_noop("Changed in Slurm at %(site)s and put right: “%(project)s”")
        body = gettext_noop("Somebody had changed what the portal keeps. Done: %(what)s")
    notify(
        users=User.objects.filter(site_roles__site=site, site_roles__role=SiteRole.Role.MANAGER),
        kind="provisioning_drift",
        subject=subject,
        body=body,
        params={
            "project": run.allocation.project.title,
            "site": str(site),
            "what": in_a_line(run.error) or "; ".join(run.remedies or run.actions),
        },
        url=f"/allocations/{run.allocation.code}/slurm/",
    )


def _remember(allocation: Allocation, survey: Survey) -> None:
    """Keep what was read back; an allocation whose limit stands is active."""
    want = survey.want
    SlurmAccountBinding.objects.update_or_create(
        allocation=allocation,
        generation=want.generation,
        defaults={
            "cluster": survey.slurm.cluster,
            "slurm_account": want.slurm_account,
            "limit_minutes": survey.minutes,
            "logins": sorted(
                user for user, found in survey.found.items() if user and found.limits.max_submit_jobs != 0
            ),
            "blocked": survey.is_blocked,
            "verified_at": clock.now(),
        },
    )
    if allocation.state == AllocationState.PROVISIONING and want.fits(survey.minutes):
        awards.allocation_activate(allocation=allocation)
