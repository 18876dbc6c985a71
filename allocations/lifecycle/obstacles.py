"""What keeps a project from more: a final report that it owes, and what rules gave its organisation."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext as _

from allocations.lifecycle.models import AllocationReport, ChangeKind, ChangeRequest
from allocations.lifecycle.selectors import TO_WRITE
from allocations.lifecycle.transitions import ChangeState
from allocations.programme.by_rule import counts_by_rule
from allocations.programme.checks import Problem, obstacle
from allocations.programme.models import AllocationRequest
from portal.foundation import clock


@obstacle
def final_report_overdue(request: AllocationRequest) -> Iterator[Problem]:
    owed = AllocationReport.objects.filter(
        allocation__project=request.project_id,
        kind=AllocationReport.Kind.FINAL,
        state__in=TO_WRITE,
        due_on__lt=clock.today(),
    )
    for report in owed[:1]:
        yield Problem(
            "project",
            _("The project owes a final report since %(day)s.") % {"day": report.due_on},
            _("Hand it in first."),
            code="report_overdue",
            about=report,
        )


@counts_by_rule
def supplements_by_rule(organisation_id: int, since: datetime) -> int:
    """What a rule added to allocations: with small requests it counts towards one bound."""
    granted = ChangeRequest.objects.filter(
        allocation__project__organisation=organisation_id,
        kind=ChangeKind.SUPPLEMENT,
        state=ChangeState.APPROVED,
        persons=0,
        decided_at__gte=since,
    )
    return granted.aggregate(total=Sum("gpu_seconds"))["total"] or 0
