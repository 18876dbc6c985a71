"""What PostgreSQL itself refuses about changes, reports and appeals, whatever a program says."""

from typing import Any

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from allocations.lifecycle import services
from allocations.lifecycle.models import Appeal, ChangeRequest
from allocations.programme.models import Conflict
from portal.people.models import User
from tests.cast import Cast
from tests.lifecycling import allocated, ask, decider, declined_change, strict_track
from tests.requesting import HOUR, declined

pytestmark = pytest.mark.django_db


def run(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def change(cast: Cast) -> ChangeRequest:
    """It waits for one person's word."""
    return ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)


@pytest.fixture
def appeal(cast: Cast) -> Appeal:
    return services.appeal_file(actor=cast.pi, subject=declined(cast), grounds="Read it again.")


def say(change: ChangeRequest, user: User | None, outcome: str = "approved", round: int = 1) -> None:
    run(
        "INSERT INTO lifecycle_changedecision (change_id, round, decided_by_id, outcome, reason, created_at) "
        "VALUES (%s, %s, %s, %s, 'because', now())",
        change.pk,
        round,
        user and user.pk,
        outcome,
    )


def hear(appeal: Appeal, user: User, outcome: str = "upheld") -> None:
    run(
        "INSERT INTO lifecycle_appealdecision (appeal_id, decided_by_id, outcome, reason, created_at) "
        "VALUES (%s, %s, %s, 'because', now())",
        appeal.pk,
        user.pk,
        outcome,
    )


@pytest.mark.parametrize("who", ["pi", "member", "colleague"])
def test_nobody_with_an_interest_decides(cast: Cast, change: ChangeRequest, appeal: Appeal, who: str) -> None:
    with pytest.raises(IntegrityError, match="nobody decides"):
        say(change, getattr(cast, who))
    with pytest.raises(IntegrityError, match="nobody decides"):
        hear(appeal, getattr(cast, who))


def test_nobody_decides_after_a_conflict(cast: Cast, change: ChangeRequest, appeal: Appeal) -> None:
    decided = change.allocation.awards.get().fulfilment.decision.request
    Conflict.objects.create(request=decided, user=cast.admin, severity="real", kind="declared")
    with pytest.raises(IntegrityError, match="conflict"):
        say(change, cast.admin)
    Conflict.objects.create(request=appeal.request, user=cast.admin, severity="real", kind="declared")
    with pytest.raises(IntegrityError, match="heard by others"):
        hear(appeal, cast.admin)


def test_nobody_decides_twice_nor_in_a_later_round(cast: Cast, change: ChangeRequest) -> None:
    say(change, cast.admin)
    for round in (1, 2):
        with pytest.raises(IntegrityError, match="once"):
            say(change, cast.admin, round=round)


def test_no_rule_where_people_decide(change: ChangeRequest) -> None:
    with pytest.raises(IntegrityError):
        say(change, None)


@pytest.mark.parametrize("state", ["approved", "declined"])
def test_no_state_without_a_decision(change: ChangeRequest, state: str) -> None:
    with pytest.raises(IntegrityError, match="without a decision"):
        run("UPDATE lifecycle_changerequest SET state = %s WHERE id = %s", state, change.pk)
    with pytest.raises(IntegrityError, match="done_without_a_word"):
        run("UPDATE lifecycle_changerequest SET state = 'done' WHERE id = %s", change.pk)


def test_what_was_asked_stays(change: ChangeRequest) -> None:
    for column, value in (("gpu_seconds", 1), ("persons", 0)):
        with pytest.raises(InternalError, match=r"keeps_what_was_asked|Cannot"):
            run(f"UPDATE lifecycle_changerequest SET {column} = %s WHERE id = %s", value, change.pk)


def test_whoever_declined_hears_no_appeal(cast: Cast, appeal: Appeal) -> None:
    with pytest.raises(IntegrityError, match="heard by others"):
        hear(appeal, cast.council)
    of_change = services.appeal_file(
        actor=cast.pi, subject=declined_change(cast, allocated(cast)), grounds="Read it again."
    )
    with pytest.raises(IntegrityError, match="heard by others"):
        hear(of_change, cast.council)
    hear(of_change, cast.admin)


def test_an_appeal_needs_as_many_as_decided(cast: Cast) -> None:
    request = declined(cast, track=strict_track(persons=2))
    appeal = services.appeal_file(actor=cast.pi, subject=request, grounds="Read it again.")
    hear(appeal, cast.admin)
    with pytest.raises(IntegrityError, match="without a decision"):
        run("UPDATE lifecycle_appeal SET state = 'upheld' WHERE id = %s", appeal.pk)
    hear(appeal, decider("second"))
    run("UPDATE lifecycle_appeal SET state = 'upheld' WHERE id = %s", appeal.pk)


def test_no_report_is_accepted_without_an_answer(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    services.reports_plan(allocation=allocation)
    report = services.report_write(
        actor=cast.pi, report=allocation.reports.get(), submit=True, results="It learns."
    )
    with pytest.raises(IntegrityError, match="without an answer"):
        run("UPDATE lifecycle_allocationreport SET state = 'accepted' WHERE id = %s", report.pk)
    with pytest.raises(IntegrityError, match="nobody decides"):
        run(
            "INSERT INTO lifecycle_reportanswer (report_id, decided_by_id, outcome, reason, created_at) "
            "VALUES (%s, %s, 'accepted', '', now())",
            report.pk,
            cast.member.pk,
        )
