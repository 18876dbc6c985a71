"""How lists of reviews are narrowed: one filterset for page and API."""

from typing import Any

import django_filters
from django import forms
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Call, Track
from allocations.programme.transitions import RequestState
from allocations.projects.models import Sector
from allocations.reviews.models import Review
from allocations.reviews.selectors import IN_REVIEW
from allocations.reviews.transitions import ReviewState
from portal.foundation.text import fold_line
from portal.people.models import User


class ReviewFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[(state.value, state.label) for state in (ReviewState.ASSIGNED, ReviewState.SUBMITTED)],
        empty_label=_("Any"),
    )

    class Meta:
        model = Review
        fields: list[str] = []


class PoolFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Name or keyword"), method="search")
    sector = django_filters.ModelChoiceFilter(
        label=_("Sector"),
        field_name="reviewer_profile__sectors",
        to_field_name="code",
        queryset=Sector.objects.all(),
        empty_label=_("Any"),
    )

    class Meta:
        model = User
        fields: list[str] = []

    def search(self, queryset: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        text = fold_line(value)
        return queryset.filter(Q(name__icontains=text) | Q(reviewer_profile__keywords__icontains=text))


class PanelFilters(django_filters.FilterSet):
    """Without a call or a state of its choice: what is in review now.

    What narrows leaves out rows of which the viewer is recused: else the filter, or how many it leaves, would
    tell what the row hides.
    """

    q = django_filters.CharFilter(label=_("Search"), method="search")
    call = django_filters.ModelChoiceFilter(
        label=_("Call"),
        method="unrecused",
        to_field_name="code",
        queryset=Call.objects.all(),
        empty_label=_("Any"),
    )
    track = django_filters.ModelChoiceFilter(
        label=_("Track"),
        field_name="track_version__track",
        method="unrecused",
        to_field_name="code",
        queryset=Track.objects.all(),
        empty_label=_("Any"),
    )
    sector = django_filters.ModelChoiceFilter(
        label=_("Sector"),
        field_name="project__sector",
        method="unrecused",
        to_field_name="code",
        queryset=Sector.objects.all(),
        empty_label=_("Any"),
    )
    state = django_filters.ChoiceFilter(
        label=_("State"), choices=RequestState, empty_label=_("Any"), method="unrecused"
    )
    ordering = django_filters.CharFilter(widget=forms.HiddenInput, method="order")

    ORDERS = ("score", "deviation", "submitted_reviews", "submitted_at")

    class Meta:
        model = AllocationRequest
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        queryset = super().filter_queryset(queryset)
        if not (self.form.cleaned_data.get("call") or self.form.cleaned_data.get("state")):
            queryset = queryset.filter(state__in=IN_REVIEW)
        return queryset

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Title, organisation or code."""
        for word in value.split():
            queryset = queryset.filter(
                Q(project__title__icontains=word)
                | Q(project__organisation__name__icontains=word)
                | Q(code__istartswith=word),
                recused=False,
            )
        return queryset

    def unrecused(self, queryset: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return queryset.filter(**{name: value}, recused=False)

    def order(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By a column, rows of which the viewer is recused last whatever the order."""
        key = value.removeprefix("-")
        if key not in self.ORDERS:
            return queryset
        by = F(key).desc(nulls_last=True) if value.startswith("-") else F(key).asc(nulls_last=True)
        return queryset.order_by("recused", by, "submitted_at", "pk")
