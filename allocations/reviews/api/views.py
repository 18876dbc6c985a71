"""Reviews over the API: the reviewer's own, the pool, a request's reviews, the panel."""

from typing import Any

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from allocations.programme.models import AllocationRequest
from allocations.reviews import selectors, services
from allocations.reviews.api import serializers as shapes
from allocations.reviews.filtersets import PanelFilters, PoolFilters, ReviewFilters
from allocations.reviews.models import Review
from allocations.reviews.ranking import row_of
from allocations.reviews.scoring import spread
from allocations.reviews.services.assigning import missing_of
from portal.foundation.api import IdempotentWrites, ScopedViewSet, given
from portal.foundation.policies import allowed, require
from portal.people.models import User


def word(request: Request) -> dict[str, Any]:
    """A review's word as the services take it."""
    return {"scores": {}, **given(shapes.ReviewInput, request)}


class ReviewViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Your own reviews. What you left, or have a conflict with, is gone (404)."""

    selector = selectors.own_detailed
    filterset_class = ReviewFilters
    queryset = Review.objects.none()

    @property
    def actor(self) -> Any:
        return self.request.user

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Review.objects.none()
        return super().get_queryset()

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return shapes.ReviewSerializer if self.action == "list" else shapes.ReviewDetailSerializer

    @extend_schema(request=shapes.ReviewInput, responses=shapes.ReviewDetailSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Keep a draft."""
        review = self.get_object()
        services.review_save(actor=self.actor, review=review, **word(request))
        return self._shown(review)

    @extend_schema(request=shapes.ReviewInput, responses=shapes.ReviewDetailSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, code: str) -> Response:
        """Hand it in, with a last change if there is one; then it is frozen."""
        review = self.get_object()
        services.review_submit(actor=self.actor, review=review, **word(request))
        return self._shown(review)

    @extend_schema(request=None, responses=shapes.ReviewDetailSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """Take the review."""
        return self._shown(services.review_accept(actor=self.actor, review=self.get_object()))

    @extend_schema(request=shapes.ReasonInput, responses={204: None})
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, code: str) -> Response:
        """Say no; somebody else is asked."""
        review = self.get_object()
        fields = given(shapes.ReasonInput, request)
        services.review_decline(actor=self.actor, review=review, **fields)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.RecuseInput, responses={204: None})
    @action(detail=True, methods=["post"])
    def recuse(self, request: Request, code: str) -> Response:
        """Declare a conflict of interest: the request is hidden from you at once."""
        review = self.get_object()
        fields = given(shapes.RecuseInput, request)
        services.review_recuse(actor=self.actor, review=review, **fields)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.ExtendInput, responses=shapes.ManagedReviewSerializer)
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, code: str) -> Response:
        """Give a reviewer more time: for programme admins."""
        review = get_object_or_404(selectors.managed_by(self.actor), code=code)
        fields = given(shapes.ExtendInput, request)
        extended = services.review_extend(actor=self.actor, review=review, **fields)
        return Response(shapes.ManagedReviewSerializer(extended).data)

    @extend_schema(request=shapes.ReplaceInput, responses=shapes.ManagedReviewSerializer)
    @action(detail=True, methods=["post"])
    def replace(self, request: Request, code: str) -> Response:
        """Take a review from its reviewer, and ask another if one is named: for programme admins."""
        review = get_object_or_404(selectors.managed_by(self.actor), code=code)
        fields = given(shapes.ReplaceInput, request)
        asked = services.review_replace(actor=self.actor, review=review, **fields)
        left = Review.objects.select_related("reviewer").get(pk=review.pk)
        return Response(shapes.ManagedReviewSerializer(asked or left).data)

    @extend_schema(request=None, responses=shapes.ReviewDetailSerializer)
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, code: str) -> Response:
        """Take back what you submitted, to change it; what it said is kept."""
        return self._shown(services.review_revise(actor=self.actor, review=self.get_object()))

    @extend_schema(request=shapes.ReasonInput, responses=shapes.ManagedReviewSerializer)
    @action(detail=True, methods=["post"], url_path="ask-revision")
    def ask_revision(self, request: Request, code: str) -> Response:
        """Ask a reviewer to change what they submitted: for programme admins."""
        review = get_object_or_404(selectors.managed_by(self.actor), code=code)
        fields = given(shapes.ReasonInput, request)
        asked = services.review_ask_revision(actor=self.actor, review=review, **fields)
        return Response(shapes.ManagedReviewSerializer(asked).data)

    def _shown(self, review: Review) -> Response:
        fresh = self.get_queryset().get(pk=review.pk)
        return Response(shapes.ReviewDetailSerializer(fresh).data)


class ReviewerViewSet(ListModelMixin, ScopedViewSet):
    """The pool of reviewers: for programme admins; empty for others."""

    selector = selectors.pool_for
    queryset = User.objects.none()
    serializer_class = shapes.ReviewerSerializer
    filterset_class = PoolFilters


class PanelViewSet(ListModelMixin, ScopedViewSet):
    """Requests in review, ranked by weighted score: for those who decide; empty for others.

    With `call` or `state`, every request of it. Rows of which you are recused say so, and nothing else.
    """

    selector = selectors.panel_for
    queryset = AllocationRequest.objects.none()
    serializer_class = shapes.PanelRowSerializer
    filterset_class = PanelFilters

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        rows = [row_of(request) for request in args[0]] if args else []
        return super().get_serializer(*([rows] if args else []), **kwargs)


class ReviewerProfileView(IdempotentWrites, GenericAPIView[Any]):
    """What you know and how much you take on as a reviewer."""

    serializer_class = shapes.ProfileSerializer

    def get(self, request: Request) -> Response:
        require(request.user, "reviews.review")
        return Response(_profile(request.user))

    @extend_schema(request=shapes.ProfileSerializer, responses=shapes.ProfileSerializer)
    def patch(self, request: Request) -> Response:
        """Change it; what isn't sent stays."""
        require(request.user, "reviews.review")
        kept = selectors.profile_of(request.user)
        fields: dict[str, Any] = {
            "keywords": kept.keywords,
            "sectors": list(kept.sectors.all()) if kept.pk else [],
            "most_open": kept.most_open,
            "available_from": kept.available_from,
            "available_until": kept.available_until,
        }
        fields |= given(shapes.ProfileSerializer, request)
        services.profile_change(actor=request.user, **fields)
        return Response(_profile(request.user))


class RequestReviewsView(IdempotentWrites, GenericAPIView[Any]):
    """What the reviewers say about one request."""

    serializer_class = shapes.RequestReviewsSerializer
    queryset = Review.objects.none()  # Tells the schema what kind of thing this is.

    @extend_schema(responses=shapes.RequestReviewsSerializer)
    def get(self, request: Request, code: str) -> Response:
        """All of it to who decides; to the project what is for them, once it is decided."""
        target = get_object_or_404(selectors.requests_for(request.user), code=code)
        return Response(shapes.RequestReviewsSerializer(_told(request.user, target)).data)

    @extend_schema(request=shapes.InviteInput, responses={201: shapes.ManagedReviewSerializer(many=True)})
    def post(self, request: Request, code: str) -> Response:
        """Ask reviewers: for programme admins."""
        target = get_object_or_404(selectors.requests_for(request.user), code=code)
        fields = given(shapes.InviteInput, request)
        asked = services.reviewers_invite(
            actor=request.user,
            request=target,
            users=fields["reviewers"],
            due_on=fields.get("due_on"),
        )
        reply = shapes.ManagedReviewSerializer(asked, many=True).data
        return Response(reply, status=status.HTTP_201_CREATED)


class RequestReviewsCloseView(IdempotentWrites, GenericAPIView[Any]):
    """End an overdue merit review with the reviews that are in: for programme admins."""

    serializer_class = shapes.RequestReviewsSerializer
    queryset = Review.objects.none()  # Tells the schema what kind of thing this is.

    @extend_schema(request=shapes.CloseInput, responses=shapes.RequestReviewsSerializer)
    def post(self, request: Request, code: str) -> Response:
        target = get_object_or_404(selectors.requests_for(request.user), code=code)
        services.reviews_close(actor=request.user, request=target, **given(shapes.CloseInput, request))
        return Response(shapes.RequestReviewsSerializer(_told(request.user, target)).data)


class RequestReviewersView(GenericAPIView[Any]):
    """Whom to ask for a review of one request, the best who are free first: for programme admins."""

    serializer_class = shapes.CandidateSerializer
    queryset = Review.objects.none()  # Tells the schema what kind of thing this is.

    @extend_schema(responses=shapes.CandidateSerializer(many=True))
    def get(self, request: Request, code: str) -> Response:
        target = get_object_or_404(selectors.assignable_by(request.user), code=code)
        return Response(shapes.CandidateSerializer(selectors.candidates_for(target), many=True).data)


def _profile(user: Any) -> dict[str, Any]:
    profile = selectors.profile_of(user)
    if profile.pk:
        return shapes.ProfileSerializer(profile).data
    return {
        "keywords": [],
        "sectors": [],
        "most_open": profile.most_open,
        "available_from": None,
        "available_until": None,
    }


def _told(viewer: Any, target: AllocationRequest) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "score": None,
        "lowest": None,
        "highest": None,
        "deviation": None,
        "missing": 0,
        "reviews": [],
        "comments": [],
    }
    if not allowed(viewer, "reviews.see_reviews", target):
        return nothing | {"comments": selectors.comments_for(viewer, target)}
    reviews = selectors.reviews_of(target)
    figures = spread(selectors.scores_of(target))
    step = selectors.open_review_step(target)
    return {
        **nothing,
        **(vars(figures) if figures else {}),
        "missing": missing_of(step) if step else 0,
        "reviews": reviews,
    }
