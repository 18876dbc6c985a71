"""Who has no word on a change or an appeal: others, those tied, those in conflict; found before the word."""

from typing import Any

import pytest

from allocations.awards.models import Allocation
from allocations.lifecycle import services
from allocations.lifecycle.models import ChangeRequest
from allocations.programme.models import Conflict
from allocations.programme.services import request_decline
from allocations.projects.models import Project, ProjectMember
from portal.foundation.errors import NotAllowed, SecondFactorNeeded
from portal.notices.models import Notice
from portal.people.models import Membership, User
from tests.cast import Cast
from tests.lifecycling import allocated, ask, decider
from tests.requesting import HOUR, fund, submitted

pytestmark = pytest.mark.django_db


def share_a_project(cast: Cast, *people: User) -> None:
    project = Project.objects.create(
        organisation=cast.other_organisation, title="Robots", abstract="A", sector=cast.project.sector
    )
    for user in people:
        ProjectMember.objects.create(project=project, user=user)


def declare_conflict(user: User, allocation: Allocation) -> None:
    request = allocation.awards.get().fulfilment.decision.request
    Conflict.objects.create(request=request, user=user, severity="apparent", kind="declared")


def approve(who: User, change: ChangeRequest) -> ChangeRequest:
    return services.change_decide(actor=who, change=change, outcome="approved", reason="")


def test_who_is_tied_decides_no_change(cast: Cast) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    word: dict[str, Any] = {"change": change, "outcome": "declined", "reason": "Too much."}
    share_a_project(cast, cast.member, cast.council)
    with pytest.raises(NotAllowed):
        services.change_decide(actor=cast.council, **word)
    assert services.change_decide(actor=cast.admin, **word).state == "declined"


def test_who_is_tied_hears_no_appeal(cast: Cast) -> None:
    fund(cast.resource)
    request = request_decline(actor=cast.council, request=submitted(cast), reason="Too vague.").request
    appeal = services.appeal_file(actor=cast.pi, subject=request, grounds="It was misread.")
    other = decider("other")
    share_a_project(cast, cast.pi, other)
    word: dict[str, Any] = {"appeal": appeal, "outcome": "dismissed", "reason": "It wasn't."}
    with pytest.raises(NotAllowed):
        services.appeal_decide(actor=other, **word)
    assert services.appeal_decide(actor=cast.admin, **word).state == "dismissed"


@pytest.mark.parametrize(
    "who", ["pi", "member", "colleague", "reviewer", "site_manager", "auditor", "outsider"]
)
def test_only_independent_deciders_decide(cast: Cast, who: str) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    with pytest.raises(NotAllowed):
        approve(getattr(cast, who), change)


def test_no_decider_of_ones_own_or_in_conflict(cast: Cast, settings: Any) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    Membership.objects.create(organisation=cast.organisation, user=cast.admin)
    declare_conflict(cast.council, change.allocation)
    for who in (cast.admin, cast.council):
        who.refresh_from_db()
        with pytest.raises(NotAllowed):
            approve(who, change)
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        approve(decider("free"), change)


def test_who_is_in_conflict_isnt_asked(cast: Cast) -> None:
    allocation = allocated(cast)
    declare_conflict(cast.council, allocation)
    ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    asked = Notice.objects.filter(kind="change_requested")
    assert asked.filter(user=cast.admin).exists()
    assert not asked.filter(user=cast.council).exists()
