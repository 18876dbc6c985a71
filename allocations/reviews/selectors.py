"""Reading reviews: reviewers see their own, those who decide see what was said."""

from collections import Counter
from decimal import Decimal
from typing import Any

from django.db.models import (
    Avg,
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    StdDev,
    Subquery,
    When,
    Window,
)
from django.db.models.functions import Rank

from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    Criterion,
    RequestLine,
    RequestStep,
    TrackStep,
)
from allocations.programme.policies import DECIDERS, roles_for
from allocations.programme.selectors import of_own
from allocations.programme.selectors import visible_to as visible_requests
from allocations.programme.ties import Ties, worst
from allocations.programme.transitions import RequestState, StepState
from allocations.reviews.fitting import Candidate, fit_of, keywords_in, ranked
from allocations.reviews.models import Review, ReviewerProfile, ReviewRules, ReviewScore
from allocations.reviews.models.reviewer import MOST_OPEN
from allocations.reviews.transitions import ReviewState
from datacenters.models import SiteRole
from portal.foundation import clock
from portal.foundation.policies import allowed
from portal.people.models import Deputy, ProgrammeRole, User

IN_REVIEW = (RequestState.SUBMITTED, RequestState.UNDER_REVIEW)
PARTS = ("project__organisation", "project__sector", "requested_by", "track_version", "call")
DECIDED = (RequestState.APPROVED, RequestState.DECLINED)


# --- The reviewer's own -----------------------------------------------------------------------------
def own(user: Any) -> QuerySet[Review]:
    """Reviews that `user` is asked for while their step is open, and those that they submitted.

    What they left, and whatever they have a conflict with since, is gone.
    """
    return (
        Review.objects.filter(reviewer=user, request__in=unconflicted(user).values("pk"))
        .filter(
            Q(state=ReviewState.SUBMITTED)
            | Q(
                state=ReviewState.ASSIGNED,
                step__state=StepState.OPEN,
                request__state__in=IN_REVIEW,
            )
        )
        .select_related(
            "request__project__sector",
            "request__project__organisation",
            "request__track_version",
            "rubric",
            "step",
        )
        .order_by(Case(When(state=ReviewState.ASSIGNED, then=0), default=1), "due_on", "id")
    )


def own_detailed(user: Any) -> QuerySet[Review]:
    """As `own`, with everything that the page of one review shows."""
    lines = RequestLine.objects.select_related("resource__site")
    scores = ReviewScore.objects.select_related("criterion")
    return own(user).prefetch_related(
        Prefetch("request__lines", lines),
        "request__runs",
        "request__attachments",
        Prefetch("rubric__criteria", Criterion.objects.order_by("position", "id")),
        Prefetch("scores", scores),
    )


def own_open(user: Any) -> QuerySet[Review]:
    """What `user` is asked for now, the most urgent first."""
    return own(user).filter(state=ReviewState.ASSIGNED)


def open_count(user: Any) -> int:
    """The figure beside “Reviews” in the menu."""
    return own_open(user).count()


def shows_content(review: Review) -> bool:
    """Whether the request can still be read: while the round that is reviewed is under way."""
    return review.request.state in IN_REVIEW and review.request.round == review.round


def is_revisable(review: Review) -> bool:
    """Whether a review that was handed in may be opened again: while its step is under way."""
    under_way = review.step.state == StepState.OPEN and review.request.state in IN_REVIEW
    return review.state == ReviewState.SUBMITTED and under_way


def profile_of(user: Any) -> ReviewerProfile:
    """The reviewer's profile; an unsaved one with the defaults where they have said nothing yet."""
    profile = ReviewerProfile.objects.filter(user=user).prefetch_related("sectors").first()
    return profile or ReviewerProfile(user=user)


# --- The pool ---------------------------------------------------------------------------------------
def rules() -> ReviewRules:
    """The rules in force; an unsaved row with the defaults where nobody has changed them."""
    return ReviewRules.objects.first() or ReviewRules(pk=1)


def reviewers() -> QuerySet[User]:
    """Everybody in the pool."""
    return User.objects.filter(programme_roles__role=ProgrammeRole.Role.REVIEWER, is_active=True).distinct()


def pool_for(user: Any) -> QuerySet[User]:
    """The pool with profiles and `open_reviews`, for programme admins; empty for others."""
    if not allowed(user, "reviews.manage_pool"):
        return User.objects.none()
    return (
        reviewers()
        .annotate(
            open_reviews=_count_of(Review.objects.filter(state=ReviewState.ASSIGNED)),
            submitted_reviews=_count_of(Review.objects.filter(state=ReviewState.SUBMITTED)),
        )
        .select_related("reviewer_profile")
        .prefetch_related("reviewer_profile__sectors")
        .order_by("name", "pk")
    )


def _count_of(reviews: QuerySet[Review]) -> Any:
    counted = reviews.filter(reviewer=OuterRef("pk")).order_by().values("reviewer")
    return Subquery(counted.annotate(count=Count("pk")).values("count"))


def candidates_for(request: AllocationRequest) -> list[Candidate]:
    """Everybody in the pool as seen from `request`, those who can be asked first."""
    people = list(
        reviewers()
        .annotate(decides=_sees_by_role(request))
        .select_related("reviewer_profile")
        .prefetch_related("reviewer_profile__sectors")
        .order_by("pk")
    )
    ties = Ties(request, people)
    declared: dict[int, list[Conflict]] = {}
    for conflict in Conflict.objects.filter(request=request, user__in=people):
        declared.setdefault(conflict.user_id, []).append(conflict)
    here = Q(request=request, round=request.round)
    reviews = Review.objects.filter(here | Q(state=ReviewState.ASSIGNED, reviewer__in=people))
    told = list(reviews.values_list("reviewer", "request", "round", "state"))
    asked = {who for who, where, number, _ in told if (where, number) == (request.pk, request.round)}
    load = Counter(who for who, _, _, state in told if state == ReviewState.ASSIGNED)
    text = "\n".join([request.project.title, request.abstract, request.justification])
    return ranked(
        _candidate(
            person,
            text=text,
            sector=request.project.sector_id,
            conflicts=[*declared.get(person.pk, []), *ties.of(person)],
            load=load[person.pk],
            asked=person.pk in asked,
        )
        for person in people
    )


def _sees_by_role(request: AllocationRequest) -> Any:
    """Who isn't blind to the request, or decides about it: deciders, their deputies, its sites, auditors."""
    deciding = ProgrammeRole.objects.filter(role__in=DECIDERS | roles_for(request))
    auditing = ProgrammeRole.objects.filter(role=ProgrammeRole.Role.AUDITOR)
    deputies = Deputy.objects.in_force().filter(person__in=deciding.values("user"))
    lines = RequestLine.objects.filter(request=request)
    asked = Q(site__in=lines.values("resource__site")) | Q(site__in=lines.values("placed__site"))
    managing = SiteRole.objects.filter(asked, role=SiteRole.Role.MANAGER)
    return (
        Exists((deciding | auditing).filter(user=OuterRef("pk")))
        | Exists(deputies.filter(deputy=OuterRef("pk")))
        | Exists(managing.filter(user=OuterRef("pk")))
    )


def _candidate(
    person: Any, *, text: str, sector: int, conflicts: list[Any], load: int, asked: bool
) -> Candidate:
    profile = getattr(person, "reviewer_profile", None)
    found = keywords_in(text, profile.keywords) if profile else ()
    in_sector = profile is not None and any(one.pk == sector for one in profile.sectors.all())
    by_kind = {conflict.kind: conflict for conflict in conflicts}
    return Candidate(
        user=person,
        fit=fit_of(found=len(found), in_sector=in_sector),
        keywords=found,
        in_sector=in_sector,
        open_reviews=load,
        most_open=profile.most_open if profile else MOST_OPEN,
        available=profile.is_available(clock.today()) if profile else True,
        decides=person.decides,
        asked=asked,
        severity=worst(conflict.severity for conflict in conflicts),
        conflicts=tuple(by_kind.values()),
    )


# --- What those who decide see ----------------------------------------------------------------------
def managed_by(user: Any) -> QuerySet[Review]:
    """Reviews that `user` may replace or extend: a programme admin's, without those of a conflict."""
    if not allowed(user, "reviews.manage_pool"):
        return Review.objects.none()
    return (
        Review.objects.filter(request__in=unconflicted(user).values("pk"))
        .select_related("request__project__organisation", "reviewer", "step__step")
        .order_by("due_on", "id")
    )


def requests_for(user: Any) -> QuerySet[AllocationRequest]:
    """Requests whose reviews' page `user` may open.

    Those who decide: any once submitted, unless they have a conflict. Whoever else sees the request: once it
    is decided.
    """
    seen = Q(pk__in=visible_requests(user).filter(state__in=DECIDED).values("pk"))
    if allowed(user, "reviews.see_panel"):
        seen |= Q(pk__in=unconflicted(user).values("pk"), submitted_at__isnull=False)
    return AllocationRequest.objects.filter(seen).select_related(*PARTS)


def assignable_by(user: Any) -> QuerySet[AllocationRequest]:
    """Requests for which `user` may ask reviewers: a programme admin's, without those of a conflict."""
    if not allowed(user, "reviews.manage_pool"):
        return AllocationRequest.objects.none()
    return unconflicted(user).filter(submitted_at__isnull=False).select_related(*PARTS)


def reviews_of(request: AllocationRequest) -> list[Review]:
    """All reviews of a request with their scores, the latest round first."""
    scores = ReviewScore.objects.select_related("criterion")
    return list(
        Review.objects.filter(request=request)
        .select_related("reviewer", "step")
        .prefetch_related(Prefetch("scores", scores), "versions")
        .order_by("-round", "pk")
    )


def comments_for(user: Any, request: AllocationRequest) -> list[str]:
    """What reviewers wrote for the applicant in the last round with a review, in no telling order.

    For the project's people, without students, and the owners of its organisation; empty for others.
    """
    mine = AllocationRequest.objects.filter(of_own(user), pk=request.pk, state__in=DECIDED)
    return list(
        Review.objects.filter(
            request__in=mine, round__in=_reviewed_round(request.pk), state=ReviewState.SUBMITTED
        )
        .order_by("code")
        .values_list("comment_applicant", flat=True)
    )


def scores_of(request: AllocationRequest) -> list[Decimal]:
    """The weighted scores that count: those of the last round with a review."""
    reviews = Review.objects.filter(request=request, round__in=_reviewed_round(request.pk))
    return [review.score for review in reviews if review.score is not None]


def _reviewed_round(request: Any) -> QuerySet[RequestStep, Any]:
    """The last round of a request in which there is a review: after an appeal an earlier one's stands."""
    steps = RequestStep.objects.filter(request=request, kind=TrackStep.Kind.REVIEW)
    return steps.order_by("-round").values("round")[:1]


def open_review_step(request: AllocationRequest) -> RequestStep | None:
    """The step for which reviewers are wanted now."""
    return (
        RequestStep.objects.filter(
            request=request, round=request.round, kind=TrackStep.Kind.REVIEW, state=StepState.OPEN
        )
        .select_related("step")
        .first()
    )


def panel_for(user: Any) -> QuerySet[AllocationRequest]:
    """Every request of a track with reviews, or of a call, with what the reviews of its last round come to.

    `rank` counts among the rows that `user` may see; rows of which they are recused say so (`recused`), come
    last, and must be shown without anything that names them. Nobody is left out.
    """
    if not allowed(user, "reviews.see_panel"):
        return AllocationRequest.objects.none()
    of_round = Q(reviews__round=F("reviewed_round"))
    done = of_round & Q(reviews__state=ReviewState.SUBMITTED)
    wanted = TrackStep.objects.filter(version=OuterRef("track_version"), kind=TrackStep.Kind.REVIEW)
    return (
        AllocationRequest.objects.filter(Exists(wanted) | Q(call__isnull=False), submitted_at__isnull=False)
        .select_related("project__organisation", "project__sector", "track_version__track", "call")
        .annotate(
            recused=ExpressionWrapper(
                ~Exists(unconflicted(user).filter(pk=OuterRef("pk"))), output_field=BooleanField()
            ),
            reviewed_round=Subquery(_reviewed_round(OuterRef("pk"))),
        )
        .annotate(
            score=Avg("reviews__score", filter=done),
            lowest=Min("reviews__score", filter=done),
            highest=Max("reviews__score", filter=done),
            deviation=StdDev("reviews__score", filter=done),
            submitted_reviews=Count("reviews", filter=done),
            open_reviews=Count("reviews", filter=of_round & Q(reviews__state=ReviewState.ASSIGNED)),
            wanted_reviews=Subquery(wanted.values("persons")[:1]),
        )
        .annotate(
            rank=Window(Rank(), partition_by="recused", order_by=F("score").desc(nulls_last=True)),
        )
        .order_by("recused", F("score").desc(nulls_last=True), "submitted_at", "pk")
    )


def unconflicted(user: Any) -> QuerySet[AllocationRequest]:
    """Requests in which `user` has neither an interest nor a conflict."""
    conflicts = Conflict.objects.filter(request=OuterRef("pk"), user=user, severity__in=Conflict.BLOCKING)
    return (
        AllocationRequest.objects.filter(~Exists(conflicts))
        .exclude(requested_by=user)
        .exclude(project__organisation__in=user.memberships.values("organisation"))
        .exclude(project__in=user.project_roles.values("project"))
    )
