"""What rules decide: eligibility, the technical check, whether ethics looks at it, and Explore as a whole."""

from django.utils.translation import gettext as _

from allocations.awards.capacity import forecast, most_that_fits
from allocations.programme.by_rule import beyond_rule
from allocations.programme.checks import problems
from allocations.programme.models import AllocationRequest, RequestStep, SiteConsent, TrackStep
from allocations.programme.services.consents import sites_verdict
from allocations.programme.services.decisions import decide_by_rule
from allocations.programme.steps import PASS, SKIP, Verdict, kind
from allocations.programme.tracks import working_days_after
from datacenters.models import Resource
from datacenters.selectors import open_resources
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, Refused

Kind = TrackStep.Kind


@kind(Kind.ELIGIBILITY)
def eligibility(step: RequestStep) -> Verdict | None:
    """By rule: nothing is missing, and the organisation is verified."""
    if step.step.by == TrackStep.By.PERSON:
        return None
    found = problems(step.request)
    return Verdict("fail", " ".join(problem.message for problem in found)) if found else PASS


@kind(Kind.TECHNICAL)
def technical(step: RequestStep) -> Verdict | None:
    """Place what may be anywhere; by rule then: every run fits the jobs that its resource takes."""
    request = step.request
    for line in request.lines.all():
        if line.any_suitable and line.placed is None:
            line.placed = best_place(request, line.gpu_seconds or 0)
            line.store("placed")
    if step.step.by == TrackStep.By.PERSON:
        return None
    faults = technical_faults(request)
    return Verdict("fail", " ".join(faults)) if faults else PASS


@kind(Kind.ETHICS)
def ethics(step: RequestStep) -> Verdict | None:
    """Only what has a say about people is looked at."""
    return None if step.request.is_high_risk else SKIP


@kind(Kind.CONSENT)
def consent(step: RequestStep) -> Verdict | None:
    """Ask every site that a line comes to. Where all have answered already it waits for none."""
    request = step.request
    sites = {line.target.site for line in request.lines.all() if line.target}
    due_at = working_days_after(clock.now(), step.step.working_days)
    for site in sorted(sites, key=lambda site: site.pk):
        SiteConsent.objects.get_or_create(
            request=request,
            round=request.round,
            site=site,
            defaults={"due_at": due_at, "silence_consents": step.step.silence_consents},
        )
    return sites_verdict(request)


@kind(Kind.DECISION)
def decision(step: RequestStep) -> Verdict | None:
    """By rule: grant what is asked, where it is free and within the rule's own bound. Else people decide."""
    if step.step.by == TrackStep.By.PERSON:
        return None
    if not_by_rule := rule_faults(step.request):
        step.note = " ".join(not_by_rule)
        step.due_at = working_days_after(clock.now(), max(step.step.working_days, 1))
        step.store("note", "due_at")
        return None
    try:
        decide_by_rule(step.request)
    except (Refused, InvalidInput) as refusal:
        # Somebody took the capacity, or a quota's rest, a moment ago; or the period ended while it waited.
        step.note = refusal.text
        step.due_at = working_days_after(clock.now(), max(step.step.working_days, 1))
        step.store("note", "due_at")
        return None
    return PASS


def technical_faults(request: AllocationRequest) -> list[str]:
    """What the resources can't run, in words."""
    faults: list[str] = []
    targets = [line.target for line in request.lines.all() if line.target]
    if any(line.target is None for line in request.lines.all()):
        faults.append(_("No open site may hold the project's data."))
    for run in request.runs.all():
        if targets and all(run.gpus > target.max_gpus_per_job for target in targets):
            most = max(target.max_gpus_per_job for target in targets)
            faults.append(
                _("“%(model)s” takes %(gpus)s GPUs in one job; at most %(most)s are possible.")
                % {"model": run.model, "gpus": run.gpus, "most": most}
            )
    return faults


def rule_faults(request: AllocationRequest) -> list[str]:
    """Why the rule may not grant `request` by itself, in words."""
    faults = [
        step.note or str(step.get_kind_display())
        for step in request.steps.filter(round=request.round, state="failed")
    ]
    # Back after an appeal: what failed stands in an earlier round, and other people decide.
    faults += [word.reason for word in request.decisions.filter(outcome="declined")]
    version = request.track_version
    beyond = beyond_rule(
        organisation_id=request.project.organisation_id,
        gpu_seconds=request.gpu_seconds,
        most=version.rule_gpu_seconds if version else None,
    )
    return [*faults, beyond] if beyond else faults


def best_place(request: AllocationRequest, gpu_seconds: int) -> Resource | None:
    """The open resource whose site may hold the project's data and has the most room over the period.

    None where no site may hold it.
    """
    if request.starts_on is None or request.ends_on is None:
        return None
    starts_on = max(request.starts_on, clock.today())
    room = {
        resource: most_that_fits(
            forecast(
                resource=resource, gpu_seconds=gpu_seconds, starts_on=starts_on, ends_on=request.ends_on
            ),
            starts_on=starts_on,
            ends_on=request.ends_on,
        )
        for resource in open_resources().prefetch_related("site__accreditations")
        if resource.site.is_open and resource.site.holds(request.project.data_class)
    }
    taken = {line.resource_id for line in request.lines.all()} | {
        line.placed_id for line in request.lines.all()
    }
    free = {resource: fits for resource, fits in room.items() if resource.pk not in taken} or room
    return max(free, key=lambda resource: (free[resource], -resource.pk), default=None)
