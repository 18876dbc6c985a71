"""What keeps a merit review going: sweeps that fail in part, too few reviewers, words that are revised."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from allocations.programme.models import AllocationRequest, Conflict, RequestStep
from allocations.programme.services import request_withdraw
from allocations.programme.standing import clock_of
from allocations.projects.models import ProjectMember
from allocations.reviews import services
from allocations.reviews.models import Review, ReviewScore, ReviewVersion
from allocations.reviews.selectors import scores_of
from allocations.reviews.services import deadlines
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow
from portal.notices.models import Notice
from tests.cast import Cast
from tests.requesting import fund
from tests.reviewing import invited, reviewer, submit, word

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


@pytest.fixture
def pair(cast: Cast) -> list[Review]:
    """Two reviews of one request; the first is in."""
    first, second = invited(cast, cast.reviewer, reviewer("second"), persons=2)
    submit(first, 2)
    return [Review.objects.get(pk=first.pk), second]


def step_of(request: AllocationRequest) -> RequestStep:
    return RequestStep.objects.get(request=request, kind="review")


def overdue(request: AllocationRequest) -> None:
    RequestStep.objects.filter(request=request, state="open").update(
        due_at=clock.now() - timedelta(minutes=1)
    )


# --- The sweep --------------------------------------------------------------------------------------------
def test_one_review_that_fails_stops_no_other(cast: Cast, monkeypatch: Any) -> None:
    first, second = invited(cast, cast.reviewer, reviewer("second"), persons=2)
    days_later = clock.now() + timedelta(days=60)
    monkeypatch.setattr(clock, "now", lambda: days_later)
    monkeypatch.setattr(deadlines, "tell_reviewer", _fails_for(first))
    assert services.reviews_sweep()["expired"] == 1
    assert set(Review.objects.values_list("pk", "state")) == {(first.pk, "assigned"), (second.pk, "expired")}
    monkeypatch.undo()
    monkeypatch.setattr(clock, "now", lambda: days_later)
    assert services.reviews_sweep()["expired"] == 1, "it is left for the next run"


def _fails_for(review: Review) -> Any:
    def tell(told: Review, occasion: str) -> None:
        if told.pk == review.pk:
            raise RuntimeError(occasion)

    return tell


# --- Too few reviewers ------------------------------------------------------------------------------------
def test_an_overdue_review_closes_with_the_words_that_are_in(cast: Cast, pair: list[Review]) -> None:
    request = pair[0].request
    with pytest.raises(IllegalState, match="overdue"):
        services.reviews_close(actor=cast.admin, request=request, reason="The second is ill.")
    overdue(request)
    for who in (cast.council, cast.pi):
        with pytest.raises(NotAllowed):
            services.reviews_close(actor=who, request=request, reason="The second is ill.")
    with pytest.raises(InvalidInput):
        services.reviews_close(actor=cast.admin, request=request, reason=" ")
    with pytest.raises(IllegalState):  # another submission was meant
        services.reviews_close(actor=cast.admin, request=request, reason="So.", round=2)
    services.reviews_close(actor=cast.admin, request=request, reason="The second is ill.")
    step = step_of(request)
    assert (step.state, step.closed_by) == ("passed", cast.admin)
    assert RequestStep.objects.get(request=request, state="open").kind == "decision"
    left = Review.objects.get(pk=pair[1].pk)
    assert (left.state, left.left) == ("recused", "not_needed")
    row = AuditRow.objects.get(action="request_step_pass", actor=cast.admin.code)
    assert row.reason == "Closed with 1 of 2 reviews: The second is ill."
    told = clock_of(AllocationRequest.objects.get(pk=request.pk))
    assert told
    assert told.steps[0].note == row.reason


def test_without_a_word_it_isnt_closed(cast: Cast) -> None:
    request = invited(cast, cast.reviewer, reviewer("second"), persons=2)[0].request
    overdue(request)
    with pytest.raises(IllegalState, match="No review is in"):
        services.reviews_close(actor=cast.admin, request=request, reason="Nobody answers.")
    assert Review.objects.filter(state="assigned").count() == 2


def test_nobody_closes_it_for_their_own_people(cast: Cast, pair: list[Review]) -> None:
    overdue(pair[0].request)
    ProjectMember.objects.create(project=cast.project, user=cast.admin)
    with pytest.raises(NotAllowed):
        services.reviews_close(actor=cast.admin, request=pair[0].request, reason="So.")


# --- Revising ---------------------------------------------------------------------------------------------
def test_a_reviewer_revises_until_the_step_closes(cast: Cast, pair: list[Review]) -> None:
    first, second = pair
    for who in (second.reviewer, cast.admin):
        with pytest.raises(NotAllowed):
            services.review_revise(actor=who, review=first)
    services.review_revise(actor=first.reviewer, review=first)
    kept = ReviewVersion.objects.get()
    assert (kept.number, kept.score, kept.recommendation) == (1, 2, "fund")
    assert (kept.comment_applicant, kept.scores["merit"]) == ("A sound plan.", 2)
    assert scores_of(first.request) == []
    with pytest.raises(IllegalState):
        services.review_revise(actor=first.reviewer, review=first)
    again = services.review_submit(
        actor=first.reviewer, review=first, **{**word(4), "comment_applicant": "A very sound plan."}
    )
    assert (again.score, again.comment_applicant) == (4, "A very sound plan.")
    submit(second)
    with pytest.raises(IllegalState):
        services.review_revise(actor=first.reviewer, review=first)


def test_an_admin_asks_for_a_revision_with_a_reason(cast: Cast, pair: list[Review]) -> None:
    first = pair[0]
    with pytest.raises(InvalidInput):
        services.review_ask_revision(actor=cast.admin, review=first, reason="")
    with pytest.raises(NotAllowed):
        services.review_ask_revision(actor=cast.council, review=first, reason="You name yourself.")
    asked = services.review_ask_revision(actor=cast.admin, review=first, reason="You name yourself.")
    assert asked.state == "assigned"
    assert asked.due_on >= clock.today() + timedelta(days=2)
    assert Notice.objects.get(kind="review_reopened").user == first.reviewer
    assert ReviewVersion.objects.get().reopened_by == cast.admin
    row = AuditRow.objects.get(action="review_reopen")
    assert row.reason == "You name yourself."


def test_what_isnt_handed_in_anew_counts_as_before(cast: Cast, pair: list[Review], monkeypatch: Any) -> None:
    first = pair[0]
    services.review_revise(actor=first.reviewer, review=first)
    services.review_save(actor=first.reviewer, review=first, scores={"merit": 5}, comment_applicant="Hm")
    much_later = clock.now() + timedelta(days=60)
    monkeypatch.setattr(clock, "now", lambda: much_later)
    assert services.reviews_sweep()["expired"] == 2
    first.refresh_from_db()
    assert (first.state, first.score, first.comment_applicant) == ("submitted", 2, "A sound plan.")
    assert ReviewScore.objects.get(review=first, criterion__code="merit").score == 2


def test_a_word_under_revision_counts_when_the_review_closes(cast: Cast, pair: list[Review]) -> None:
    first, second = pair
    services.review_revise(actor=first.reviewer, review=first)
    overdue(first.request)
    services.reviews_close(actor=cast.admin, request=first.request, reason="Time is up.")
    assert Review.objects.get(pk=first.pk).state == "submitted"
    assert Review.objects.get(pk=second.pk).state == "recused"


@pytest.mark.parametrize("how", ["conflict", "project"])
def test_who_was_tied_since_says_nothing_any_more(cast: Cast, pair: list[Review], how: str) -> None:
    """Neither by handing in nor by silence; nor does it stop the others."""
    first, second = pair
    third = _one_more(cast, first)
    services.review_revise(actor=first.reviewer, review=first)
    tie(cast, first, how)
    submit(second)
    submit(third)
    first.refresh_from_db()
    assert (first.state, first.left) == ("recused", "conflict")
    assert step_of(first.request).state == "passed"


@pytest.mark.parametrize("how", ["conflict", "project"])
def test_the_review_of_who_was_tied_since_expires(
    cast: Cast, pair: list[Review], how: str, monkeypatch: Any
) -> None:
    first = pair[0]
    services.review_revise(actor=first.reviewer, review=first)
    tie(cast, first, how)
    much_later = clock.now() + timedelta(days=60)
    monkeypatch.setattr(clock, "now", lambda: much_later)
    assert not deadlines.review_remind(review=first)
    assert services.reviews_sweep()["expired"] == 2
    assert set(Review.objects.values_list("state", flat=True)) == {"expired"}


def _one_more(cast: Cast, review: Review) -> Review:
    third = reviewer("third")
    return services.reviewers_invite(actor=cast.admin, request=review.request, users=[third])[0]


def tie(cast: Cast, review: Review, how: str) -> None:
    if how == "conflict":
        Conflict.objects.create(
            request=review.request, user=review.reviewer, kind="declared", severity="apparent"
        )
    else:
        ProjectMember.objects.create(project=cast.project, user=review.reviewer)


def test_the_database_keeps_what_was_said(cast: Cast, pair: list[Review]) -> None:
    first = pair[0]
    with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
        Review.objects.filter(pk=first.pk).update(state="assigned", score=None)  # no version was kept
    services.review_revise(actor=first.reviewer, review=first)
    with pytest.raises(DatabaseError), transaction.atomic():
        ReviewVersion.objects.update(score=5)
    services.review_submit(actor=first.reviewer, review=first, **word(4))
    with pytest.raises(DatabaseError, match="stays as it is"), transaction.atomic():
        Review.objects.filter(pk=first.pk).update(state="assigned", score=None)  # of an earlier one
    request_withdraw(actor=cast.pi, request=first.request)
    with pytest.raises(IllegalState):
        services.review_revise(actor=first.reviewer, review=first)
