"""What PostgreSQL itself refuses about decisions, whatever a program says."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.awards.models import Allocation, Award
from allocations.programme.models import AllocationRequest, Decision
from portal.foundation import clock
from portal.people.models import User
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def submitted(cast: Cast) -> AllocationRequest:
    today = clock.today()
    return AllocationRequest.objects.create(
        project=cast.project,
        requested_by=cast.pi,
        state="submitted",
        submitted_at=clock.now(),
        starts_on=today,
        ends_on=today + timedelta(days=30),
    )


def decide_in_sql(request: AllocationRequest, user: User, outcome: str = "declined") -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO programme_decision (request_id, round, decided_by_id, outcome, reason_code, reason, "
            "remedy, conditions, override_reason, created_at) "
            "VALUES (%s, 0, %s, %s, 'other', 'because', '', '', '', now())",
            [request.pk, user.pk, outcome],
        )


@pytest.mark.parametrize("who", ["pi", "member", "colleague"])
def test_nobody_with_an_interest_decides(cast: Cast, submitted: AllocationRequest, who: str) -> None:
    with pytest.raises(IntegrityError, match="nobody decides"):
        decide_in_sql(submitted, getattr(cast, who))


def test_the_requester_never_decides_even_after_leaving(cast: Cast, submitted: AllocationRequest) -> None:
    cast.project.members.filter(user=cast.pi).delete()
    cast.pi.memberships.all().delete()
    with pytest.raises(IntegrityError, match="nobody decides"):
        decide_in_sql(submitted, cast.pi)


def test_somebody_else_may(cast: Cast, submitted: AllocationRequest) -> None:
    decide_in_sql(submitted, cast.council)
    assert submitted.decisions.get().decided_by == cast.council


@pytest.mark.parametrize("who", ["pi", "member", "colleague"])
def test_nobody_awards_to_their_own_project(cast: Cast, who: str) -> None:
    today = clock.today()
    period = {"starts_on": today, "ends_on": today}
    allocation = Allocation.objects.create(project=cast.project, resource=cast.resource, **period)
    with pytest.raises(IntegrityError, match="nobody decides"):
        Award.objects.create(allocation=allocation, gpu_seconds=1, decided_by=getattr(cast, who), **period)


@pytest.mark.parametrize("state", ["approved", "declined", "returned"])
def test_no_state_of_a_decision_without_one(submitted: AllocationRequest, state: str) -> None:
    with pytest.raises(IntegrityError, match="without a decision"):
        AllocationRequest.objects.filter(pk=submitted.pk).update(state=state)


def test_an_illegal_step_is_refused(cast: Cast, submitted: AllocationRequest) -> None:
    decide_in_sql(submitted, cast.council)
    AllocationRequest.objects.filter(pk=submitted.pk).update(state="declined")
    with pytest.raises(IntegrityError, match="illegal step"):
        AllocationRequest.objects.filter(pk=submitted.pk).update(state="submitted")


def test_an_approval_needs_its_award(cast: Cast, submitted: AllocationRequest) -> None:
    decide_in_sql(submitted, cast.council, outcome="approved")
    with pytest.raises(IntegrityError, match="without a decision"):
        AllocationRequest.objects.filter(pk=submitted.pk).update(state="approved")


@pytest.mark.parametrize(
    "statement", ["UPDATE programme_decision SET reason = 'x'", "DELETE FROM programme_decision"]
)
def test_decisions_are_written_once(cast: Cast, submitted: AllocationRequest, statement: str) -> None:
    decide_in_sql(submitted, cast.council)
    assert Decision.objects.count() == 1
    with (
        pytest.raises(Exception, match="Cannot update or delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
