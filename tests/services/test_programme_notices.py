"""Who is told what about requests and allocations."""

from typing import Any

import pytest

from allocations.awards import services as awards
from allocations.programme import services
from allocations.programme.models import Conflict
from allocations.programme.services.announce import holders_of
from portal.foundation import clock
from portal.notices.models import Notice
from portal.people.models import Deputy, Membership
from tests.cast import Cast, person
from tests.requesting import approved, draft, fund, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def told(kind: str) -> set[str]:
    return set(Notice.objects.filter(kind=kind).values_list("user__name", flat=True))


def test_deciders_hear_of_what_is_submitted(cast: Cast) -> None:
    Membership.objects.create(organisation=cast.organisation, user=cast.council)
    request = draft(cast)
    assert not Notice.objects.exists()
    services.request_submit(actor=cast.pi, request=request)
    assert told("request_waits") == {"Admin"}  # the council's member has an interest
    notice = Notice.objects.get()
    assert notice.title == "NED University asks for 100 GPU-hours"
    assert notice.url == request.get_absolute_url()


@pytest.mark.parametrize("outcome", ["approved", "declined", "returned"])
def test_the_project_hears_what_was_decided(cast: Cast, outcome: str) -> None:
    request = submitted(cast)
    decision: dict[str, Any] = {"outcome": outcome, "gpu_hours": 40, "reason": "As 100% is too much."}
    services.request_decide(actor=cast.council, request=request, **decision)
    assert told(f"request_{outcome}") == {"Pi", "Member"}
    notice = Notice.objects.filter(kind=f"request_{outcome}")[0]
    assert "As 100% is too much." in notice.text
    assert "Council" in notice.text
    if outcome == "approved":
        assert "40 GPU-hours" in notice.title


def test_members_hear_of_each_step_of_the_allocation(cast: Cast) -> None:
    award = approved(cast).decisions.get().lines.get().award
    assert award is not None
    allocation = awards.allocation_activate(allocation=award.allocation)
    for step in (awards.allocation_suspend, awards.allocation_resume, awards.allocation_revoke):
        step(actor=cast.admin, allocation=allocation, reason="For the test.")
    for kind in ("activate", "suspend", "resume", "revoke"):
        assert told(f"allocation_{kind}") == {"Pi", "Member"}
    assert all("Ned H100" in notice.title for notice in Notice.objects.filter(kind__startswith="allocation_"))


def test_inactive_people_hear_nothing(cast: Cast) -> None:
    cast.member.is_active = False
    cast.member.save()
    approved(cast)
    assert told("request_approved") == {"Pi"}


def test_who_has_no_say_isnt_told_that_it_waits(cast: Cast) -> None:
    """Neither who has a conflict nor who stands in for them, nor who reviewed it or declined it before."""
    request = submitted(cast)
    today = clock.today()
    stand_in = person("stand-in")
    Deputy.objects.create(
        person=cast.council, deputy=stand_in, starts_on=today, ends_on=today, reason="Leave"
    )
    step = request.steps.get(state="open")
    assert {user.name for user in holders_of(step)} == {"Admin", "Council", "Stand-In"}
    Conflict.objects.create(request=request, user=cast.council, severity="real", kind="declared")
    assert {user.name for user in holders_of(step)} == {"Admin"}
    services.request_decline(actor=cast.admin, request=request, reason="Too vague.")
    services.request_reopen(request=request, actor=cast.auditor, reason="Indeed.")
    assert not holders_of(request.steps.get(round=2))
