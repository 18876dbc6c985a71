"""The demonstration's requests and what became of them: planted once, through the services."""

from collections import Counter

import pytest
from django.core.management import call_command

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances
from allocations.ledger.verification import first_discrepancy
from allocations.lifecycle import selectors as lifecycle
from allocations.lifecycle.models import (
    AllocationReport,
    Appeal,
    ChangeRequest,
    ReclaimCase,
    ReclaimExemption,
)
from allocations.programme.models import AllocationRequest, Call, RequestStep, WaitingEntry
from allocations.projects.models import Classroom
from allocations.reviews.models import Review
from portal.people import demo
from tests.requesting import HOUR

pytestmark = pytest.mark.django_db


def rows() -> dict[str, Counter[str]]:
    """What there is of each kind, by state."""
    kinds = (AllocationRequest, ChangeRequest, AllocationReport, Appeal, ReclaimCase, Review, WaitingEntry)
    return {kind.__name__: Counter(kind.objects.values_list("state", flat=True)) for kind in kinds}


def test_every_new_screen_has_something_to_show() -> None:
    call_command("demo_seed")
    planted = rows()
    call_command("demo_seed")
    assert rows() == planted
    assert first_discrepancy() is None
    assert {"draft", "submitted", "under_review", "returned", "declined", "approved"} <= set(
        planted["AllocationRequest"]
    )
    assert planted["ChangeRequest"] == {"approved": 1, "done": 1, "declined": 1, "requested": 1}
    assert planted["AllocationReport"] == {"submitted": 1, "returned": 1}
    assert planted["Appeal"] == {"filed": 1}
    assert planted["ReclaimCase"] == {"warned": 2}
    assert planted["WaitingEntry"] == {"waiting": 1}
    assert planted["Review"]["submitted"] == 4
    assert ReclaimExemption.objects.get().asked_by == demo.user("startup")
    open_steps = RequestStep.objects.filter(state="open").values_list("kind", flat=True)
    assert {"technical", "review", "consent"} <= set(open_steps)
    assert all(
        text.startswith("ILLUSTRATIVE")
        for text in AllocationRequest.objects.values_list("justification", flat=True)
    )


def test_each_demo_login_finds_what_waits_for_them_and_the_calls_are_there() -> None:
    call_command("demo_seed")
    council2, admin, reviewer = (demo.user(login) for login in ("council2", "admin", "reviewer"))
    assert lifecycle.changes_pending_for(council2).count() == 1
    assert lifecycle.appeals_pending_for(council2).count() == 1
    assert lifecycle.reports_to_answer(admin).count() == 1
    assert lifecycle.reports_to_write(demo.user("researcher")).count() == 1
    assert Review.objects.filter(reviewer=reviewer, accepted_at=None, state="assigned").count() == 1
    classroom = Classroom.objects.get()
    assert classroom.join_code
    assert classroom.opened_by == demo.user("teacher")
    assert [enrolment.user for enrolment in classroom.enrolments.all()] == [demo.user("student")]
    first = AllocationRequest.objects.get(justification__contains="Ten runs of a speech model")
    allocation = Allocation.objects.get(project=first.project, resource__site__code="astrolabe-ned")
    assert balances(allocation.code).granted == 500 * HOUR
    assert first.decisions.get().decided_by == demo.user("council")
    later, now = Call.objects.order_by("-opens_at")
    assert (now.track.code, now.is_open, later.is_open) == ("large", True, False)
    assert now.budgets.count() == 2
    assert all(call.illustrative and call.text_en.startswith("ILLUSTRATIVE") for call in (now, later))
