"""Reviews as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from allocations.programme.models import Conflict
from allocations.projects.models import Sector
from allocations.reviews import selectors
from allocations.reviews.blinding import is_double_blind, sheet_of
from allocations.reviews.models import Review, ReviewVersion
from allocations.reviews.models.review import HIGHEST
from portal.people.models import User


class ScoreSerializer(serializers.Serializer[Any]):
    criterion = serializers.CharField(source="criterion.code")
    score = serializers.IntegerField()


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A review of the viewer's own. What it says of the request names nobody."""

    sector = serializers.CharField(source="request.project.sector.code")

    class Meta:
        model = Review
        fields = ["code", "sector", "state", "due_on", "invited_at", "accepted_at", "submitted_at", "score"]
        read_only_fields = fields


class LineSerializer(serializers.Serializer[Any]):
    where = serializers.CharField()
    gpu_seconds = serializers.IntegerField()
    by_quarter = serializers.DictField(child=serializers.IntegerField())


class RunSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    gpus = serializers.IntegerField()
    hours = serializers.DecimalField(max_digits=8, decimal_places=2)
    runs = serializers.IntegerField()
    basis = serializers.CharField()
    gpu_seconds = serializers.IntegerField()


class SheetSerializer(serializers.Serializer[Any]):
    """What a reviewer may read of a request; without `organisation` and `title` where it is blind."""

    organisation = serializers.CharField()
    title = serializers.CharField()
    sector = serializers.CharField(source="sector.code")
    data_class = serializers.CharField()
    abstract = serializers.CharField()
    justification = serializers.CharField()
    prior_usage = serializers.CharField()
    checkpointing = serializers.CharField()
    ai_risk = serializers.CharField()
    ai_risk_note = serializers.CharField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    deadline_on = serializers.DateField(allow_null=True)
    deadline_note = serializers.CharField()
    flexible = serializers.BooleanField()
    lines = LineSerializer(many=True)
    runs = RunSerializer(many=True)
    gpu_seconds = serializers.IntegerField()


class CriterionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField(source="__str__")
    help = serializers.CharField()
    weight = serializers.IntegerField()


class ReviewDetailSerializer(ReviewSerializer):
    """One review, with what is to be reviewed while its round is under way."""

    double_blind = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField()
    criteria = CriterionSerializer(source="rubric.criteria.all", many=True)
    scores = ScoreSerializer(many=True)

    class Meta(ReviewSerializer.Meta):
        fields = [
            *ReviewSerializer.Meta.fields,
            "recommendation",
            "comment_private",
            "comment_applicant",
            "double_blind",
            "criteria",
            "scores",
            "content",
        ]
        read_only_fields = fields

    def get_double_blind(self, review: Review) -> bool:
        return is_double_blind(review.request.track_version)

    def get_content(self, review: Review) -> dict[str, Any] | None:
        """Null once the request is no longer in review."""
        return SheetSerializer(sheet_of(review.request)).data if selectors.shows_content(review) else None


class ReviewInput(serializers.Serializer[Any]):
    """What stays as it is needn't be sent. `scores` by the criterion's code; null takes one back."""

    scores = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=HIGHEST, allow_null=True), required=False
    )
    recommendation = serializers.ChoiceField(
        choices=Review.Recommendation.choices, required=False, allow_blank=True
    )
    comment_private = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    comment_applicant = serializers.CharField(required=False, allow_blank=True, max_length=8000)


@extend_schema_serializer(component_name="ReviewReason")
class ReasonInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class RecuseInput(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=Conflict.Severity.choices, default=Conflict.Severity.REAL)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


@extend_schema_serializer(component_name="ReviewsClose")
class CloseInput(ReasonInput):
    """`reason` stands in the public clock; `round` is the submission that is meant, if the sender knows."""

    round = serializers.IntegerField(min_value=1, required=False)


class ExtendInput(serializers.Serializer[Any]):
    due_on = serializers.DateField()


class ReviewersField(serializers.SlugRelatedField[User]):
    """People of the pool by code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(slug_field="code", queryset=User.objects.none(), **options)

    def get_queryset(self) -> Any:
        return selectors.reviewers()


class ReplaceInput(serializers.Serializer[Any]):
    by = ReviewersField(required=False, allow_null=True)
    reason = serializers.CharField(max_length=2000)


class InviteInput(serializers.Serializer[Any]):
    reviewers = ReviewersField(many=True)
    due_on = serializers.DateField(required=False, allow_null=True)


class ProfileSerializer(serializers.Serializer[Any]):
    keywords = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    sectors = serializers.SlugRelatedField(
        slug_field="code", queryset=Sector.objects.all(), many=True, required=False
    )
    most_open = serializers.IntegerField(min_value=1, max_value=20, required=False)
    available_from = serializers.DateField(required=False, allow_null=True)
    available_until = serializers.DateField(required=False, allow_null=True)


class ReviewerSerializer(serializers.ModelSerializer[User]):
    """Somebody of the pool, as programme admins see them."""

    profile = serializers.SerializerMethodField()
    open_reviews = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["code", "name", "profile", "open_reviews"]
        read_only_fields = fields

    def get_profile(self, person: User) -> dict[str, Any] | None:
        profile = getattr(person, "reviewer_profile", None)
        return ProfileSerializer(profile).data if profile else None

    def get_open_reviews(self, person: Any) -> int:
        return person.open_reviews or 0


class ReviewVersionSerializer(serializers.ModelSerializer[ReviewVersion]):
    """What a review said before it was opened again. `reason`: why a programme admin asked for it."""

    class Meta:
        model = ReviewVersion
        fields = [
            "number",
            "submitted_at",
            "score",
            "scores",
            "recommendation",
            "comment_private",
            "comment_applicant",
            "reason",
        ]
        read_only_fields = fields


class ManagedReviewSerializer(serializers.ModelSerializer[Review]):
    """A review as those who decide see it."""

    reviewer = serializers.CharField(source="reviewer.code")
    reviewer_name = serializers.CharField(source="reviewer.name")
    comment_private = serializers.SerializerMethodField()
    comment_applicant = serializers.SerializerMethodField()
    recommendation = serializers.SerializerMethodField()
    scores = serializers.SerializerMethodField()
    versions = ReviewVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Review
        fields = [
            "code",
            "round",
            "reviewer",
            "reviewer_name",
            "state",
            "left",
            "due_on",
            "invited_at",
            "accepted_at",
            "reminded_at",
            "submitted_at",
            "score",
            "scores",
            "recommendation",
            "comment_private",
            "comment_applicant",
            "versions",
        ]
        read_only_fields = fields

    def get_scores(self, review: Review) -> dict[str, int]:
        """By the criterion's code; empty until the review is submitted: drafts are the reviewer's own."""
        return {one.criterion.code: one.score for one in review.scores.all()} if _is_in(review) else {}

    def get_recommendation(self, review: Review) -> str:
        return review.recommendation if _is_in(review) else ""

    def get_comment_private(self, review: Review) -> str:
        return review.comment_private if _is_in(review) else ""

    def get_comment_applicant(self, review: Review) -> str:
        return review.comment_applicant if _is_in(review) else ""


class RequestReviewsSerializer(serializers.Serializer[Any]):
    """To who decides, `reviews`; to the project, once it is decided, `comments` without names."""

    score = serializers.DecimalField(max_digits=4, decimal_places=3, allow_null=True)
    lowest = serializers.DecimalField(max_digits=4, decimal_places=3, allow_null=True)
    highest = serializers.DecimalField(max_digits=4, decimal_places=3, allow_null=True)
    deviation = serializers.DecimalField(max_digits=4, decimal_places=3, allow_null=True)
    missing = serializers.IntegerField()
    reviews = ManagedReviewSerializer(many=True)
    comments = serializers.ListField(child=serializers.CharField())


class CandidateSerializer(serializers.Serializer[Any]):
    reviewer = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")
    fit = serializers.IntegerField()
    keywords = serializers.ListField(child=serializers.CharField())
    in_sector = serializers.BooleanField()
    open_reviews = serializers.IntegerField()
    most_open = serializers.IntegerField()
    available = serializers.BooleanField()
    conflict = serializers.CharField(source="severity")
    may_review = serializers.BooleanField()


class PanelRowSerializer(serializers.Serializer[Any]):
    """Of a request of which the viewer is recused nothing else is told."""

    recused = serializers.BooleanField()
    request = serializers.SerializerMethodField()
    project = serializers.SerializerMethodField()
    rank = serializers.IntegerField(allow_null=True)
    score = serializers.DecimalField(max_digits=4, decimal_places=2, allow_null=True)
    lowest = serializers.DecimalField(max_digits=4, decimal_places=2, allow_null=True)
    highest = serializers.DecimalField(max_digits=4, decimal_places=2, allow_null=True)
    deviation = serializers.DecimalField(max_digits=4, decimal_places=2, allow_null=True)
    submitted = serializers.IntegerField()
    wanted = serializers.IntegerField(allow_null=True)
    missing = serializers.IntegerField()

    def get_request(self, row: Any) -> str | None:
        return row.request.code if row.request else None

    def get_project(self, row: Any) -> str | None:
        return row.request.project.code if row.request else None


def _is_in(review: Review) -> bool:
    return review.submitted_at is not None
