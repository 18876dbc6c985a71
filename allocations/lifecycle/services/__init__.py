"""The only writers of what happens to an allocation between its award and its end."""

from allocations.lifecycle.services.appeals import appeal_decide, appeal_file, appeal_withdraw
from allocations.lifecycle.services.changes import (
    change_ask,
    change_decide,
    change_withdraw,
    changes_lapse,
    renewal_begin,
    room_for_more,
)
from allocations.lifecycle.services.reports import (
    report_answer,
    report_write,
    reports_plan,
    reports_plan_all,
)

__all__ = [
    "appeal_decide",
    "appeal_file",
    "appeal_withdraw",
    "change_ask",
    "change_decide",
    "change_withdraw",
    "changes_lapse",
    "renewal_begin",
    "report_answer",
    "report_write",
    "reports_plan",
    "reports_plan_all",
    "room_for_more",
]
