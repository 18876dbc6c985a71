"""What PostgreSQL itself refuses about decisions, whatever a program says."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from allocations.awards.models import Allocation, Award
from allocations.lifecycle.models import Appeal, AppealDecision
from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    Decision,
    DecisionLine,
    Fulfilment,
    RequestLine,
    TrackVersion,
)
from allocations.programme.services import waiting_serve
from allocations.projects.models import Project
from portal.foundation import clock
from portal.people.models import User
from tests.cast import Cast, site
from tests.lifecycling import decider
from tests.requesting import HOUR, fund
from tests.services.test_programme_awarding import CAPACITY, give_back, taken, waiting

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


def decide_in_sql(
    request: AllocationRequest,
    user: User | None,
    outcome: str = "declined",
    *,
    on_behalf_of: User | None = None,
    number: int = 0,
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO programme_decision (request_id, round, decided_by_id, on_behalf_of_id, outcome, "
            "reason_code, reason, remedy, conditions, override_reason, created_at) "
            "VALUES (%s, %s, %s, %s, %s, 'other', 'because', '', '', '', now())",
            [
                request.pk,
                number,
                user.pk if user else None,
                on_behalf_of.pk if on_behalf_of else None,
                outcome,
            ],
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


def test_nobody_decides_twice_in_a_round(cast: Cast, submitted: AllocationRequest) -> None:
    decide_in_sql(submitted, cast.council, outcome="approved")
    with pytest.raises(IntegrityError, match="decision_once_each"):
        decide_in_sql(submitted, cast.council, outcome="approved")
    decide_in_sql(submitted, cast.admin, outcome="approved")
    assert submitted.decisions.count() == 2


def test_a_seat_speaks_once(cast: Cast, submitted: AllocationRequest) -> None:
    """Whoever stands in for somebody takes their place: it isn't a second person."""
    decide_in_sql(submitted, cast.council, outcome="approved")
    with pytest.raises(IntegrityError, match="decision_seat_once"):
        decide_in_sql(submitted, cast.admin, outcome="approved", on_behalf_of=cast.council)


@pytest.mark.parametrize("severity", ["real", "apparent"])
def test_nobody_decides_after_a_conflict(cast: Cast, submitted: AllocationRequest, severity: str) -> None:
    Conflict.objects.create(request=submitted, user=cast.council, severity=severity, kind="declared")
    with pytest.raises(IntegrityError, match="conflict of interest"):
        decide_in_sql(submitted, cast.council)
    with pytest.raises(IntegrityError, match="conflict of interest"):
        decide_in_sql(submitted, cast.admin, on_behalf_of=cast.council)


def test_a_potential_conflict_is_only_recorded(cast: Cast, submitted: AllocationRequest) -> None:
    Conflict.objects.create(request=submitted, user=cast.council, severity="potential", kind="declared")
    decide_in_sql(submitted, cast.council)


def test_a_conflict_cant_be_taken_back(cast: Cast, submitted: AllocationRequest) -> None:
    Conflict.objects.create(request=submitted, user=cast.council, severity="real", kind="declared")
    with (
        pytest.raises(Exception, match="Cannot update or delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM programme_conflict")


def test_an_appeal_is_decided_by_others(cast: Cast, submitted: AllocationRequest) -> None:
    decide_in_sql(submitted, cast.council)
    AllocationRequest.objects.filter(pk=submitted.pk).update(state="declined")
    AllocationRequest.objects.filter(pk=submitted.pk).update(state="under_review", round=1)
    with pytest.raises(IntegrityError, match="decided by others"):
        decide_in_sql(submitted, cast.council, outcome="approved", number=1)
    decide_in_sql(submitted, cast.admin, outcome="approved", number=1)


def test_no_rule_decides_where_people_do(cast: Cast, submitted: AllocationRequest) -> None:
    with pytest.raises(IntegrityError, match="no rule decides"):
        decide_in_sql(submitted, None, outcome="approved")


def test_one_word_isnt_two(cast: Cast, submitted: AllocationRequest) -> None:
    """Where the track asks for two persons, one approval doesn't approve."""
    version = TrackVersion.objects.filter(track__code="national").latest("number")
    AllocationRequest.objects.filter(pk=submitted.pk).update(track_version=version)
    line = RequestLine.objects.create(request=submitted, resource=cast.resource, gpu_seconds=1)
    for person, approves in ((cast.council, False), (cast.admin, True)):
        decide_in_sql(submitted, person, outcome="approved")
        grants_waiting(submitted, line, cast)
        approved = AllocationRequest.objects.filter(pk=submitted.pk)
        if approves:
            assert approved.update(state="approved") == 1
        else:
            with pytest.raises(IntegrityError, match="without a decision"), transaction.atomic():
                approved.update(state="approved")


def grants_waiting(request: AllocationRequest, line: RequestLine, cast: Cast) -> None:
    """A line of the latest decision, all of it on the waiting list."""
    today = clock.today()
    DecisionLine.objects.create(
        decision=request.decisions.latest("id"),
        line=line,
        resource=cast.resource,
        gpu_seconds=1,
        waiting_gpu_seconds=1,
        starts_on=today,
        ends_on=today,
    )


# --- Awards of a decision's lines ---------------------------------------------------------------------------
@pytest.fixture
def granted(cast: Cast, submitted: AllocationRequest) -> DecisionLine:
    """A hundred GPU-seconds of a line of a hundred and fifty."""
    line = RequestLine.objects.create(request=submitted, resource=cast.resource, gpu_seconds=150)
    decide_in_sql(submitted, cast.council, outcome="approved")
    today = clock.today()
    return DecisionLine.objects.create(
        decision=submitted.decisions.get(),
        line=line,
        resource=cast.resource,
        gpu_seconds=100,
        starts_on=today,
        ends_on=today,
    )


def award_of(cast: Cast, gpu_seconds: int, project: Project | None = None) -> Award:
    today = clock.today()
    period = {"starts_on": today, "ends_on": today}
    allocation = Allocation.objects.create(project=project or cast.project, resource=cast.resource, **period)
    return Award.objects.create(
        allocation=allocation, gpu_seconds=gpu_seconds, decided_by=cast.council, **period
    )


def fulfil_in_sql(award: Award, granted: DecisionLine, *, on_appeal: bool = False) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO programme_fulfilment (award_id, decision_id, line_id, on_appeal) "
            "VALUES (%s, %s, %s, %s)",
            [award.pk, granted.decision_id, granted.line_id, on_appeal],
        )


def appealed(cast: Cast, granted: DecisionLine, persons: int = 1) -> Appeal:
    """An appeal against the decision, of which nobody has said anything yet."""
    request = granted.decision.request
    return Appeal.objects.create(request=request, round=0, grounds="So.", persons=persons, filed_by=cast.pi)


def uphold(appeal: Appeal, user: User, outcome: str = "upheld") -> None:
    AppealDecision.objects.create(appeal=appeal, decided_by=user, outcome=outcome, reason="Indeed.")


def test_no_more_is_awarded_than_was_granted(cast: Cast, granted: DecisionLine) -> None:
    uphold(appealed(cast, granted), cast.admin)
    fulfil_in_sql(award_of(cast, 60), granted)
    with pytest.raises(IntegrityError, match="more is awarded than was granted"):
        fulfil_in_sql(award_of(cast, 41), granted)
    fulfil_in_sql(award_of(cast, 40), granted)
    with pytest.raises(IntegrityError, match="more is awarded than was granted"):
        fulfil_in_sql(award_of(cast, 51), granted, on_appeal=True)
    fulfil_in_sql(award_of(cast, 50), granted, on_appeal=True)
    assert granted.decision.fulfilments.count() == 3


def test_two_words_dont_award_a_line_twice(cast: Cast, granted: DecisionLine) -> None:
    """Where two persons decide, both words have the line."""
    decide_in_sql(granted.decision.request, cast.admin, outcome="approved")
    second = DecisionLine.objects.create(
        decision=granted.decision.request.decisions.latest("id"),
        line=granted.line,
        resource=granted.resource,
        gpu_seconds=granted.gpu_seconds,
        starts_on=granted.starts_on,
        ends_on=granted.ends_on,
    )
    fulfil_in_sql(award_of(cast, 60), granted)
    with pytest.raises(IntegrityError, match="more is awarded than was granted"):
        fulfil_in_sql(award_of(cast, 41), second)
    uphold(appealed(cast, granted), decider("third"))
    with pytest.raises(IntegrityError, match="more is awarded than was granted"):
        fulfil_in_sql(award_of(cast, 91), second, on_appeal=True)
    fulfil_in_sql(award_of(cast, 40), second)


def test_on_appeal_needs_the_appeal(cast: Cast, granted: DecisionLine) -> None:
    refused = pytest.raises(IntegrityError, match="needs an appeal")
    award = award_of(cast, 50)
    with refused:
        fulfil_in_sql(award, granted, on_appeal=True)
    appeal = appealed(cast, granted, persons=2)
    with refused:
        fulfil_in_sql(award, granted, on_appeal=True)
    uphold(appeal, cast.admin)
    with refused:
        fulfil_in_sql(award, granted, on_appeal=True)
    uphold(appeal, decider("third"))
    fulfil_in_sql(award, granted, on_appeal=True)


def test_an_appeal_that_was_dismissed_awards_nothing(cast: Cast, granted: DecisionLine) -> None:
    uphold(appealed(cast, granted), cast.admin, "dismissed")
    with pytest.raises(IntegrityError, match="needs an appeal"):
        fulfil_in_sql(award_of(cast, 50), granted, on_appeal=True)


def test_an_award_is_of_the_resource_and_the_round_that_were_decided(
    cast: Cast, granted: DecisionLine
) -> None:
    award = award_of(cast, 10)
    Allocation.objects.filter(pk=award.allocation_id).update(resource=site("uet"))
    with pytest.raises(IntegrityError, match="line of the request"):
        fulfil_in_sql(award, granted)
    request = granted.decision.request
    AllocationRequest.objects.filter(pk=request.pk).update(round=1)
    with pytest.raises(IntegrityError, match="line of the request"):
        fulfil_in_sql(award_of(cast, 10), granted)


def test_an_award_belongs_to_its_own_request(cast: Cast, granted: DecisionLine) -> None:
    other = Project.objects.create(
        organisation=cast.other_organisation, title="Arms", abstract="A", sector=cast.project.sector
    )
    with pytest.raises(IntegrityError, match="line of the request"):
        fulfil_in_sql(award_of(cast, 10, other), granted)
    elsewhere = AllocationRequest.objects.create(project=cast.project, requested_by=cast.pi)
    granted.line_id = RequestLine.objects.create(
        request=elsewhere, resource=cast.resource, gpu_seconds=150
    ).pk
    with pytest.raises(IntegrityError, match="line of the request"):
        fulfil_in_sql(award_of(cast, 10), granted)


def test_an_award_fulfils_one_line_for_good(cast: Cast, granted: DecisionLine) -> None:
    award = award_of(cast, 10)
    fulfil_in_sql(award, granted)
    with pytest.raises(IntegrityError, match="award_id"):
        fulfil_in_sql(award, granted)
    with (
        pytest.raises(Exception, match="Cannot update or delete"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM programme_fulfilment")


def test_awards_that_were_served_before_are_known_by_their_place(cast: Cast) -> None:
    """As the migration finds them: made from the waiting list when awards didn't say what they fulfil."""
    backfill = import_module("allocations.programme.migrations.0009_awards_served_before").FORWARDS
    fund(cast.resource)
    holder = taken(cast, CAPACITY)
    entry = waiting(cast)
    for hours in (30, 70):
        give_back(cast, holder, hours)
        assert waiting_serve(resource=cast.resource) == hours * HOUR
    facts = Fulfilment.objects.order_by("award").values_list("award", "decision", "line", "on_appeal")
    before = list(facts)
    assert [line for _award, _decision, line, _appeal in before] == [entry.decision_line.line_id] * 2
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM programme_fulfilment")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        for _again in range(2):
            cursor.execute(backfill)
            assert list(facts.all()) == before
