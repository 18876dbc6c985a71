"""Reports: when they are due, handing them in, answering them, and the instalments that wait for them."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.services import instalment_release
from allocations.awards.transitions import ENDED
from allocations.ledger.selectors import withheld_of
from allocations.lifecycle.models import AllocationReport, ReportAnswer
from allocations.lifecycle.policies import seat_for_report
from allocations.lifecycle.services.announce import (
    tell_report_answered,
    tell_report_due,
    tell_report_in,
)
from allocations.lifecycle.transitions import REPORT, ReportState
from allocations.programme.models import AllocationRequest, TrackVersion
from allocations.programme.services.ties import has_a_say, requests_behind, ties_of_speaker
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.services.sweeps import tried
from portal.people.models import User

Kind = AllocationReport.Kind
SECTIONS = ("results", "publications", "difficulties", "plans", "people_trained")
# So long before it is due a report is asked for; so long after the end the final one is due.
ASKED_AHEAD = timedelta(days=30)
FINAL_AFTER = timedelta(days=30)


def version_of(allocation: Allocation) -> TrackVersion | None:
    """The rules under which it was awarded; None where no request's decision made it."""
    return (
        TrackVersion.objects.filter(requests__decisions__fulfilments__award__allocation=allocation)
        .order_by("pk")
        .first()
    )


@transaction.atomic
def reports_plan(*, allocation: Allocation) -> list[AllocationReport]:
    """Ask for the reports that come due soon, as the allocation's track version says. Returns the new ones.

    May run any number of times. Where an instalment waits, its first progress report is there from the start;
    where it waits for nothing any more (awarded after the last of them was accepted), it is released.
    """
    allocation = Allocation.objects.select_for_update(of=("self",), no_key=True).get(pk=allocation.pk)
    version = version_of(allocation)
    if version is None:
        return []
    made = []
    for kind, due_on in _due(allocation, version):
        of_kind = AllocationReport.objects.filter(allocation=allocation, kind=kind)
        if kind == Kind.FINAL and (final := of_kind.first()):
            _put_off(final, due_on)
            continue
        report, is_new = AllocationReport.objects.get_or_create(
            allocation=allocation, kind=kind, due_on=due_on
        )
        if is_new:
            audit.record(
                actor=None,
                action="report_ask",
                target=report,
                after=report.snapshot("allocation", "kind", "due_on", "state"),
            )
            tell_report_due(report)
            made.append(report)
    _release_unbound(allocation, version)
    return made


def reports_plan_all() -> int:
    """Ask everybody for what comes due. Returns how many reports are new."""
    wanting = Allocation.objects.filter(
        awards__fulfilment__decision__request__track_version__isnull=False
    ).distinct()
    # What ended long ago has been asked for its final report.
    recent = wanting.filter(ends_on__gte=clock.today() - 2 * FINAL_AFTER)
    return sum(len(tried(reports_plan, allocation=allocation) or []) for allocation in recent)


@transaction.atomic
def report_write(
    *, actor: User, report: AllocationReport, submit: bool = False, **sections: Any
) -> AllocationReport:
    """Keep what is written so far, and with `submit` hand it in, which needs at least results.

    `sections` are `results`, `publications`, `difficulties`, `plans` and `people_trained` (a number). Raises
    NotAllowed unless `actor` leads the project, InvalidInput, IllegalState once it is handed in.
    """
    report = locked(report)
    require(
        actor,
        "lifecycle.write_report",
        report,
        message=_("Only a project's principal investigator and managers write its reports."),
    )
    target = REPORT.target(state=report.state, action="submit")
    for section in SECTIONS:
        if section in sections:
            setattr(report, section, sections[section])
    if submit and not report.results.strip():
        raise InvalidInput(
            _("The results are missing."), field="results", remedy=_("Say what came of the GPU-hours.")
        )
    before = report.snapshot("state")
    if submit:
        report.state, report.submitted_by, report.submitted_at = target, actor, clock.now()
    report.store("state", "submitted_by", "submitted_at", *SECTIONS)
    if submit:
        audit.record(
            actor=actor,
            action="report_submit",
            target=report,
            before=before,
            after=report.snapshot("state", "people_trained"),
        )
        tell_report_in(report)
    return report


def _about(*, report: AllocationReport, **_: Any) -> list[AllocationRequest]:
    return requests_behind(report.allocation)


@has_a_say(_about)
def report_answer(
    *, actor: User, report: AllocationReport, outcome: str, reason: str = ""
) -> AllocationReport:
    """Accept a report, or return it with a question, which `reason` is. For admins without an interest.

    An accepted progress report releases what waits of the allocation's later instalments. Raises NotAllowed,
    SecondFactorNeeded, InvalidInput, IllegalState.
    """
    report = locked(report)
    ties_of_speaker(actor, _about(report=report))
    require(
        actor,
        "lifecycle.answer_report",
        report,
        message=_("Only programme admins answer reports, and never those of their own organisation."),
    )
    require_second_factor(actor)
    target = REPORT.target(
        state=report.state, action="accept" if outcome == ReportAnswer.Outcome.ACCEPTED else "return"
    )
    if outcome == ReportAnswer.Outcome.RETURNED and not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=_("Say what is missing."))
    seat = seat_for_report(actor, report)
    ReportAnswer.objects.create(
        report=report,
        decided_by=actor,
        on_behalf_of=None if seat == actor else seat,
        outcome=outcome,
        reason=reason.strip(),
    )
    before = report.snapshot("state")
    report.state = target
    report.store("state")
    audit.record(
        actor=actor,
        action=f"report_{'accept' if outcome == ReportAnswer.Outcome.ACCEPTED else 'return'}",
        target=report,
        before=before,
        after=report.snapshot("state"),
        reason=reason.strip(),
    )
    tell_report_answered(report, outcome, reason.strip())
    if target == ReportState.ACCEPTED and report.kind == Kind.PROGRESS:
        _release(report, actor)
    return report


def locked(report: AllocationReport) -> AllocationReport:
    """The report as it stands now, nobody else changing it until the transaction ends."""
    return (
        AllocationReport.objects.select_for_update(of=("self",))
        .select_related("allocation__project__organisation", "allocation__resource__site")
        .get(pk=report.pk)
    )


def _release(report: AllocationReport, actor: User) -> None:
    """What waited for this report; nothing does where the allocation has ended."""
    allocation = report.allocation
    if allocation.state not in ENDED and allocation.ends_on >= clock.today():
        instalment_release(
            allocation=allocation,
            gpu_seconds=None,
            actor=actor,
            reason=_("The progress report was accepted."),
            key=f"report:{report.code}",
        )


def _release_unbound(allocation: Allocation, version: TrackVersion) -> None:
    """What is kept back though all progress reports were accepted: nothing else would free it."""
    if allocation.state in ENDED or allocation.ends_on < clock.today():
        return
    accepted = set(
        AllocationReport.objects.filter(
            allocation=allocation, kind=Kind.PROGRESS, state=ReportState.ACCEPTED
        ).values_list("due_on", flat=True)
    )
    waiting = AllocationReport.objects.filter(allocation=allocation, kind=Kind.PROGRESS).exclude(
        state=ReportState.ACCEPTED
    )
    days = _progress_days(allocation, version)
    if not accepted or waiting.exists() or any(day > max(accepted) for day in days):
        return
    instalment_release(
        allocation=allocation,
        gpu_seconds=None,
        actor=None,
        reason=_("No progress report is still to come."),
        key=f"unbound:{allocation.code}:{clock.now().timestamp()}",
    )


def _due(allocation: Allocation, version: TrackVersion) -> Iterator[tuple[str, date]]:
    """What is owed and comes due soon, or waits for the project to have its next instalment."""
    horizon = clock.today() + ASKED_AHEAD
    has_ended = allocation.state in ENDED
    if not has_ended:
        waits = version.first_instalment_percent < 100 and withheld_of([allocation.code])[allocation.code] > 0
        for number, due_on in enumerate(_progress_days(allocation, version)):
            if due_on <= horizon or (number == 0 and waits):
                yield Kind.PROGRESS, due_on
    last_day = min(allocation.ends_on, clock.today()) if has_ended else allocation.ends_on
    if version.final_report and (has_ended or last_day <= horizon):
        yield Kind.FINAL, last_day + FINAL_AFTER


def _progress_days(allocation: Allocation, version: TrackVersion) -> list[date]:
    """Every so many days while it lasts; half-way where an instalment waits and none else is due."""
    every = version.progress_every_days
    days = []
    if every:
        day = allocation.starts_on + timedelta(days=every)
        while day < allocation.ends_on:
            days.append(day)
            day += timedelta(days=every)
    if not days and version.first_instalment_percent < 100:
        days.append(allocation.starts_on + (allocation.ends_on - allocation.starts_on) // 2)
    return days


def _put_off(final: AllocationReport, due_on: date) -> None:
    """A longer allocation owes its final report later."""
    if final.state == ReportState.DUE and final.due_on < due_on:
        final.due_on = due_on
        final.store("due_on")
