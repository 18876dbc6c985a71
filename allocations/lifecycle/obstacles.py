"""What keeps a project from asking for more: a final report that it owes."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from allocations.lifecycle.models import AllocationReport
from allocations.lifecycle.selectors import TO_WRITE
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
