"""What becomes of allocations: changes, an appeal, reports, reclamation with its exemptions. ILLUSTRATIVE."""

from datetime import timedelta
from typing import Any

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_activate
from allocations.lifecycle import services
from allocations.lifecycle.models import AllocationReport, ChangeRequest, ReclaimCase, ReclaimRule
from allocations.lifecycle.services.reclaim import reclaim_step
from allocations.lifecycle.services.reclaim_exemptions import exemption_ask
from allocations.lifecycle.services.reclaim_rules import reclaim_rule_create
from allocations.programme.demo import Asked, approve, submit, the_call
from allocations.programme.models import AllocationRequest
from allocations.reviews.demo import invite, write
from portal.foundation import clock
from portal.foundation.units import hours_to_seconds
from portal.people import demo

CHANGED = Asked(
    "researcher",
    "astrolabe-uet",
    800,
    60,
    "Distilling the speech model for phones: forty runs of 20 GPU-hours.",
)
IDLE = Asked("startup", "astrolabe-uet", 150, 60, "Pictures of a second season, once they are labelled.")
ENDING = Asked("outsider", "data-vault", 300, 1, "Variant calling for the first 400 samples.")
REPORTED = Asked(
    "researcher",
    "data-vault",
    6_000,
    180,
    "A language model of 3 billion parameters for spoken Urdu: 16 GPUs for two weeks, and its evaluation.",
)
REVIEWERS = {"reviewer": 4, "reviewer3": 3, "reviewer4": 5}
DELAY = timedelta(days=60)
RULE = {"name_en": "Half of the period (ILLUSTRATIVE)", "name_ur": "نصف مدت (نمونہ)"}


def seed() -> None:
    """Plant what is missing; change nothing that is there. Skips whoever isn't planted."""
    idle, changed = submit(IDLE), submit(CHANGED)
    if idle and changed:
        approve(changed)
        begun = [_lived(_allocation(request), 50) for request in (changed, idle)]
        _seed_changes(begun[0])
        _seed_reclamation(begun)
    if request := submit(ENDING):
        approve(request)
        _seed_final_report(_lived(_allocation(request), 60))
    call = the_call()
    if call is not None and (request := submit(REPORTED, call=call)):
        for review, score in zip(invite(request, tuple(REVIEWERS)), REVIEWERS.values(), strict=True):
            write(review, score)
        request.refresh_from_db()
        approve(request, gpu_hours=4_000, reason="ILLUSTRATIVE. Two thirds: the evaluation can be smaller.")
        _seed_progress_report(_allocation(request))


def _allocation(request: AllocationRequest) -> Allocation:
    """What was just awarded for it."""
    return request.project.allocations.latest("pk")


def _lived(allocation: Allocation, days: int) -> Allocation:
    """As if it had begun so many days ago."""
    allocation = allocation_activate(allocation=allocation)
    allocation.starts_on -= timedelta(days=days)
    allocation.activated_at = clock.midnight(allocation.starts_on)
    allocation.store("starts_on", "activated_at")
    return allocation


def _seed_changes(allocation: Allocation) -> None:
    """One granted by rule, one done by right, one declined and appealed against, one that waits."""
    lead, council = demo.user(CHANGED.login), demo.user("council")

    def ask(verb: str, reason: str, **wanted: Any) -> ChangeRequest:
        return services.change_ask(
            actor=lead, allocation=allocation, verb=verb, reason=f"ILLUSTRATIVE. {reason}", **wanted
        )

    ask("more", "Three runs failed for want of memory.", gpu_seconds=hours_to_seconds(50))
    ask("give_back", "The tokeniser was ready sooner.", gpu_seconds=hours_to_seconds(20))
    declined = services.change_decide(
        actor=council,
        change=ask("more", "A second language at once.", gpu_seconds=hours_to_seconds(900)),
        outcome="declined",
        reason="ILLUSTRATIVE. Show the first language's results first.",
    )
    services.appeal_file(
        actor=lead,
        subject=declined,
        grounds="ILLUSTRATIVE. The results are out since Monday, and were in the report.",
    )
    ask("longer", "The recordings of the second school come in a month.", ends_on=allocation.ends_on + DELAY)


def _seed_reclamation(allocations: list[Allocation]) -> None:
    """A rule that warns both, of whom the second asks to be exempted."""
    if ReclaimRule.objects.filter(**RULE).exists():
        return
    rule = reclaim_rule_create(
        actor=demo.user("admin"),
        **RULE,
        resource=allocations[0].resource,
        check_percent=50,
        used_below_percent=20,
        take_percent=50,
        first_warning_days=14,
        second_warning_days=7,
        min_age_days=14,
        enforced=True,
        note="ILLUSTRATIVE",
    )
    version = rule.versions.get()
    for allocation in allocations:
        reclaim_step(version=version, allocation=allocation, case=None, at=clock.now())
    case = ReclaimCase.objects.filter(allocation=allocations[-1]).first()
    if case is not None:
        exemption_ask(
            actor=demo.user(IDLE.login), case=case, reason="ILLUSTRATIVE. The labels come in two weeks."
        )


def _seed_final_report(allocation: Allocation) -> None:
    """Handed in: it waits for an admin."""
    for report in services.reports_plan(allocation=allocation):
        _write(report, ENDING.login, "400 samples are called; the tables are public.")


def _seed_progress_report(allocation: Allocation) -> None:
    """Handed in and returned with a question: the second instalment waits for the answer."""
    for report in services.reports_plan(allocation=allocation):
        _write(report, REPORTED.login, "The first of three runs is done.")
        services.report_answer(
            actor=demo.user("admin"),
            report=report,
            outcome="returned",
            reason="ILLUSTRATIVE. On which test set was it measured?",
        )


def _write(report: AllocationReport, login: str, results: str) -> None:
    services.report_write(
        actor=demo.user(login),
        report=report,
        results=f"ILLUSTRATIVE. {results}",
        people_trained=3,
        submit=True,
    )
