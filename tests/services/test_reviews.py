"""Reviews through their services: who is asked, what ties people, what is written, what the clock does."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from allocations.programme.models import AllocationRequest, Conflict, RequestStep
from allocations.programme.policies import actions_for
from allocations.programme.selectors import visible_to
from allocations.programme.services import request_decline as decline
from allocations.projects.models import ProjectMember
from allocations.reviews import selectors, services
from allocations.reviews.models import Review, ReviewScore
from datacenters.models import SiteRole
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow
from portal.notices.models import Notice
from portal.people.models import Deputy, Membership, ProgrammeRole, User
from tests.cast import Cast
from tests.requesting import fund
from tests.reviewing import confirmed_by_admins, in_review, invited, reviewer, submit, word

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def told(kind: str) -> set[str]:
    return set(Notice.objects.filter(kind=kind).values_list("user__name", flat=True))


def step_of(request: Any) -> RequestStep:
    return RequestStep.objects.get(request=request, kind="review")


# --- Being asked ------------------------------------------------------------------------------------
def test_one_reviewer_is_asked_by_rule(cast: Cast) -> None:
    request = in_review(cast)
    review = Review.objects.get()
    assert review.reviewer == cast.reviewer
    assert review.due_on == clock.day_of(step_of(request).due_at)
    assert told("review_invited") == {"Reviewer"}
    request.refresh_from_db()
    assert request.state == "under_review"


def test_several_wait_for_an_admins_yes(cast: Cast) -> None:
    request = in_review(cast, persons=3)
    assert not Review.objects.exists()
    assert told("reviewer_wanted") == {"Admin"}
    second = reviewer("second")
    asked = services.reviewers_invite(actor=cast.admin, request=request, users=[cast.reviewer, second])
    assert {review.reviewer for review in asked} == {cast.reviewer, second}
    assert AuditRow.objects.filter(action="review_invite").count() == 2


def test_the_profile_decides_who_fits(cast: Cast) -> None:
    confirmed_by_admins()
    expert = reviewer("expert")
    services.profile_change(
        actor=expert,
        keywords=[" Retina  screening", "small model", "Retina screening"],
        sectors=[cast.project.sector],
        most_open=2,
    )
    request = in_review(cast)
    best, other = selectors.candidates_for(request)
    assert (best.user, best.fit, best.keywords) == (expert, 80, ("Retina screening", "small model"))
    assert (other.user, other.fit) == (cast.reviewer, 0)
    gone = clock.today() - timedelta(days=1)
    services.profile_change(actor=expert, keywords=[], sectors=[], most_open=1, available_until=gone)
    assert selectors.candidates_for(request)[0].user == cast.reviewer


@pytest.mark.parametrize("who", ["pi", "council", "reviewer", "outsider"])
def test_only_admins_ask(cast: Cast, who: str) -> None:
    request = in_review(cast, persons=2)
    with pytest.raises(NotAllowed):
        services.reviewers_invite(actor=getattr(cast, who), request=request, users=[cast.reviewer])
    review = invited(cast)[0]
    with pytest.raises(NotAllowed):
        services.review_replace(actor=getattr(cast, who), review=review, reason="So.")
    with pytest.raises(NotAllowed):
        services.review_extend(
            actor=getattr(cast, who), review=review, due_on=review.due_on + timedelta(days=3)
        )
    assert Review.objects.get(pk=review.pk).state == "assigned"


def test_nobody_is_asked_who_may_not_review(cast: Cast) -> None:
    request = in_review(cast, persons=2)
    both = reviewer("both")
    ProgrammeRole.objects.create(user=both, role="council")
    for user, complaint in [(cast.outsider, "isn't a reviewer"), (both, "nobody does both")]:
        with pytest.raises(InvalidInput, match=complaint):
            services.reviewers_invite(actor=cast.admin, request=request, users=[user])
    services.reviewers_invite(actor=cast.admin, request=request, users=[cast.reviewer])
    with pytest.raises(InvalidInput, match="already"):
        services.reviewers_invite(actor=cast.admin, request=request, users=[cast.reviewer])


@pytest.mark.parametrize("how", ["deputy", "site", "auditor"])
def test_nobody_is_asked_who_sees_it_by_another_role(cast: Cast, how: str) -> None:
    request, other = in_review(cast, persons=2), reviewer("other")
    today = clock.today()
    if how == "deputy":
        Deputy.objects.create(
            person=cast.council, deputy=other, starts_on=today, ends_on=today, reason="On leave."
        )
    elif how == "site":
        SiteRole.objects.create(site=cast.site, user=other, role=SiteRole.Role.MANAGER)
    else:
        ProgrammeRole.objects.create(user=other, role="auditor")
    may = {one.user.name: one.may_review for one in selectors.candidates_for(request)}
    assert may == {"Reviewer": True, "Other": False}
    with pytest.raises(InvalidInput, match="nobody does both"):
        services.reviewers_invite(actor=cast.admin, request=request, users=[other])


@pytest.mark.parametrize("left", ["", "declined", "expired"])
def test_who_was_a_reviewer_of_it_never_decides_about_it(cast: Cast, left: str) -> None:
    first, second = invited(cast, cast.reviewer, reviewer("second"), persons=2)
    if left == "declined":
        services.review_decline(actor=first.reviewer, review=first, reason="No time.")
    elif left == "expired":
        Review.objects.filter(pk=first.pk).update(state="expired")
    submit(second)
    request = AllocationRequest.objects.get(pk=first.request_id)
    for review in (first, second):
        ProgrammeRole.objects.create(user=review.reviewer, role="council")
    with pytest.raises(NotAllowed, match="as its reviewer"):
        decline(actor=User.objects.get(pk=second.reviewer_id), request=request, reason="No.")
    deciding = User.objects.get(pk=first.reviewer_id)
    if left == "expired":  # Who never took it was never a reviewer.
        assert decline(actor=deciding, request=request, reason="No.").decided_by == deciding
        return
    with pytest.raises(NotAllowed):
        decline(actor=deciding, request=request, reason="No.")
    assert request.code in {one.code for one in visible_to(deciding)}
    assert "decline" not in actions_for(deciding, request)
    assert "decline" in actions_for(cast.council, request)


# --- Conflicts --------------------------------------------------------------------------------------
def ties(cast: Cast) -> tuple[str, str]:
    request = in_review(cast, persons=2)
    conflict = Conflict.objects.filter(request=request, user=cast.reviewer).first()
    return (conflict.kind, conflict.severity) if conflict else ("", "")


def test_a_stranger_has_no_conflict(cast: Cast) -> None:
    assert ties(cast) == ("", "")


def test_own_organisation_is_real(cast: Cast) -> None:
    Membership.objects.create(organisation=cast.organisation, user=cast.reviewer)
    assert ties(cast) == ("own_organisation", "real")


def test_the_organisation_of_another_member_is_apparent(cast: Cast) -> None:
    ProjectMember.objects.create(project=cast.project, user=cast.outsider)
    Membership.objects.create(organisation=cast.other_organisation, user=cast.reviewer)
    assert ties(cast) == ("own_organisation", "apparent")


def other_project(cast: Cast, *people: Any) -> Any:
    project = type(cast.project).objects.create(
        organisation=cast.other_organisation, title="Robots", abstract="A", sector=cast.project.sector
    )
    for user in people:
        ProjectMember.objects.create(project=project, user=user)
    return project


def test_a_shared_project_is_real(cast: Cast) -> None:
    other_project(cast, cast.member, cast.reviewer)
    assert ties(cast) == ("shared_project", "real")


@pytest.mark.parametrize(("years", "expected"), [(1, ("past_project", "apparent")), (3, ("", ""))])
def test_a_project_shared_lately_is_apparent(
    cast: Cast, monkeypatch: Any, years: int, expected: tuple[str, str]
) -> None:
    project = other_project(cast, cast.member)
    AuditRow.objects.create(
        at=timezone.now() - timedelta(days=365 * years - 10),
        action="project_member_leave",
        object_type="project",
        object_code=project.code,
        before={"user": cast.reviewer.code, "role": "member"},
        channel="web",
    )
    assert ties(cast) == expected


def test_conflicts_of_deciders_are_found_too(cast: Cast) -> None:
    other_project(cast, cast.member, cast.council)
    request = in_review(cast, persons=2)
    assert Conflict.objects.get(request=request, user=cast.council).severity == "real"
    assert selectors.panel_for(cast.council).get(pk=request.pk).recused
    assert not selectors.panel_for(cast.admin).get(pk=request.pk).recused


def test_who_has_a_conflict_is_never_asked(cast: Cast) -> None:
    Membership.objects.create(organisation=cast.organisation, user=cast.reviewer)
    request = in_review(cast)  # one reviewer, by rule: but nobody is free
    assert not Review.objects.exists()
    assert told("reviewer_wanted") == {"Admin"}
    with pytest.raises(InvalidInput, match="conflict of interest"):
        services.reviewers_invite(actor=cast.admin, request=request, users=[cast.reviewer])
    step = step_of(request)
    with pytest.raises(DatabaseError, match="nobody reviews where they have a conflict"):
        Review.objects.create(
            request=request,
            round=1,
            step=step,
            rubric=step.step.version.rubric,
            reviewer=cast.reviewer,
            due_on=clock.today(),
            invited_at=clock.now(),
        )


def test_recusal_hides_the_request_and_asks_for_another(cast: Cast) -> None:
    review = invited(cast)[0]
    assert selectors.own(cast.reviewer).get() == review
    services.review_recuse(actor=cast.reviewer, review=review)
    assert not selectors.own(cast.reviewer).exists()
    conflict = Conflict.objects.get(user=cast.reviewer)
    assert (conflict.kind, conflict.severity, conflict.found) == ("declared", "real", False)
    assert told("reviewer_wanted") == {"Admin"}
    with pytest.raises(IllegalState):
        services.review_save(actor=cast.reviewer, review=review, scores={"merit": 5})


def test_after_a_recusal_the_next_is_asked_by_rule(cast: Cast) -> None:
    request = in_review(cast)
    second = reviewer("second")
    services.review_recuse(actor=cast.reviewer, review=Review.objects.get())
    assert Review.objects.get(request=request, state="assigned").reviewer == second


# --- Writing ----------------------------------------------------------------------------------------
def test_a_draft_is_kept_and_a_review_is_frozen(cast: Cast) -> None:
    review = invited(cast)[0]
    services.review_save(actor=cast.reviewer, review=review, scores={"merit": 5}, comment_applicant="Hm.")
    assert ReviewScore.objects.get().score == 5
    for missing in ({"scores": {"merit": None}}, {"recommendation": ""}, {"comment_applicant": " "}):
        with pytest.raises(InvalidInput), transaction.atomic():
            services.review_submit(actor=cast.reviewer, review=review, **{**word(), **missing})
    scores = {"benefit": 5, "merit": 4, "readiness": 3, "governance": 2, "capacity": 1}
    done = services.review_submit(actor=cast.reviewer, review=review, **{**word(), "scores": scores})
    assert (done.state, done.score) == ("submitted", Decimal("3.300"))
    assert told("review_thanked") == {"Reviewer"}
    with pytest.raises(IllegalState):
        services.review_save(actor=cast.reviewer, review=done, scores={"merit": 0})
    for change in (
        lambda: Review.objects.filter(pk=review.pk).update(comment_private="Other."),
        lambda: ReviewScore.objects.filter(review=review).update(score=0),
        lambda: ReviewScore.objects.filter(review=review).delete(),
        lambda: Review.objects.filter(pk=review.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_the_database_wants_every_criterion(cast: Cast) -> None:
    review = invited(cast)[0]
    with pytest.raises(DatabaseError, match="every criterion"):
        Review.objects.filter(pk=review.pk).update(
            state="submitted",
            score=3,
            submitted_at=clock.now(),
            recommendation="fund",
            comment_applicant="So.",
        )


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"scores": {"merit": 6}}, "score_merit"),
        ({"scores": {"beauty": 1}}, "scores"),
        ({"scores": {}, "recommendation": "perhaps"}, "recommendation"),
    ],
)
def test_bad_input_names_its_field(cast: Cast, typed: dict[str, Any], field: str) -> None:
    review = invited(cast)[0]
    with pytest.raises(InvalidInput) as refused:
        services.review_save(actor=cast.reviewer, review=review, **typed)
    assert refused.value.field == field


@pytest.mark.parametrize("who", ["admin", "council", "pi", "outsider"])
def test_only_its_reviewer_writes_a_review(cast: Cast, who: str) -> None:
    review, actor = invited(cast)[0], getattr(cast, who)
    for attempt in (
        lambda: services.review_save(actor=actor, review=review, scores={}),
        lambda: services.review_submit(actor=actor, review=review, **word()),
        lambda: services.review_recuse(actor=actor, review=review),
        lambda: services.review_decline(actor=actor, review=review, reason="No."),
        lambda: services.review_accept(actor=actor, review=review),
    ):
        with pytest.raises(NotAllowed):
            attempt()


def test_the_step_closes_once_enough_are_in(cast: Cast) -> None:
    second, third = reviewer("second"), reviewer("third")
    reviews = invited(cast, cast.reviewer, second, third, persons=2)
    submit(reviews[0])
    assert step_of(reviews[0].request).state == "open"
    submit(reviews[1], 5)
    assert step_of(reviews[0].request).state == "passed"
    assert RequestStep.objects.get(request=reviews[0].request, kind="decision").state == "open"
    late = Review.objects.get(reviewer=third)
    assert (late.state, late.left) == ("recused", "not_needed")
    row = selectors.panel_for(cast.council).get()
    figures = (row.score, row.lowest, row.highest, row.deviation, row.submitted_reviews, row.wanted_reviews)
    assert figures == (4, 3, 5, 1, 2, 2)


def test_declining_needs_a_reason_and_seeks_another(cast: Cast) -> None:
    review = invited(cast)[0]
    with pytest.raises(InvalidInput):
        services.review_decline(actor=cast.reviewer, review=review, reason=" ")
    services.review_decline(actor=cast.reviewer, review=review, reason="On leave.")
    review.refresh_from_db()
    assert (review.state, review.left, review.reason) == ("recused", "declined", "On leave.")
    assert told("reviewer_wanted") == {"Admin"}


def test_replacing_and_extending(cast: Cast) -> None:
    review, second = invited(cast)[0], reviewer("second")
    with pytest.raises(InvalidInput):
        services.review_extend(actor=cast.admin, review=review, due_on=review.due_on)
    later = review.due_on + timedelta(days=5)
    assert services.review_extend(actor=cast.admin, review=review, due_on=later).due_on == later
    asked = services.review_replace(actor=cast.admin, review=review, by=second, reason="Ill.")
    assert asked is not None
    assert asked.reviewer == second
    assert told("review_replaced") == {"Reviewer"}
    assert not selectors.own(cast.reviewer).exists()


# --- The clock --------------------------------------------------------------------------------------
def test_reminders_go_out_once_each_and_then_it_expires(cast: Cast, monkeypatch: Any) -> None:
    review, second = invited(cast)[0], reviewer("second")
    today, sent = clock.today(), []
    monkeypatch.setattr(clock, "today", lambda: today)
    for days_left in (4, 3, 2, 1, 0, -1, -2, -3):
        today = review.due_on - timedelta(days=days_left)
        services.reviews_sweep()
        services.reviews_sweep()  # idempotent
        sent.append(Notice.objects.filter(kind="review_reminded").count())
    assert sent == [0, 1, 1, 2, 3, 3, 3, 3]
    review.refresh_from_db()
    assert review.state == "expired"
    assert told("review_expired") == {"Reviewer"}
    assert told("reviewer_wanted") == {"Admin"}
    assert not Review.objects.filter(reviewer=second).exists()  # an admin confirms


def test_a_withdrawn_request_needs_no_reviews(cast: Cast) -> None:
    from allocations.programme.services import request_withdraw

    review = invited(cast)[0]
    request_withdraw(actor=cast.pi, request=review.request)
    assert not selectors.own(cast.reviewer).exists()
    assert services.reviews_sweep()["released"] == 1
    assert services.reviews_sweep()["released"] == 0
    review.refresh_from_db()
    assert review.left == "not_needed"


def test_a_profile_is_the_reviewers_own(cast: Cast) -> None:
    for stranger in (cast.pi, cast.admin):
        with pytest.raises(NotAllowed):
            services.profile_change(actor=stranger, keywords=[], sectors=[], most_open=1)
    with pytest.raises(InvalidInput) as refused:
        services.profile_change(actor=cast.reviewer, keywords=[], sectors=[], most_open=21)
    assert refused.value.field == "most_open"
    with pytest.raises(NotAllowed):
        services.rules_change(actor=cast.council, automatic_up_to=0, grace_days=1)
    assert services.rules_change(actor=cast.admin, automatic_up_to=3, grace_days=1).automatic_up_to == 3
