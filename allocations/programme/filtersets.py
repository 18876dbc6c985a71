"""How lists of requests are narrowed: one filterset for page and API."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Call, Track
from allocations.programme.models.call import CallState
from allocations.programme.transitions import RequestState
from datacenters.models import Resource
from portal.foundation import clock


class RequestFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    state = django_filters.ChoiceFilter(label=_("State"), choices=RequestState, empty_label=_("Any"))
    project = django_filters.CharFilter(label=_("Project code"), field_name="project__code")
    resource = django_filters.ModelChoiceFilter(
        label=_("Resource"),
        field_name="lines__resource",
        to_field_name="code",
        queryset=Resource.objects.all(),
        empty_label=_("Any"),
    )
    ordering = django_filters.OrderingFilter(
        fields=["created_at", "submitted_at", "decided_at", "state"],
        label=_("Order"),
        widget=forms.HiddenInput,  # Column headers set it.
    )

    class Meta:
        model = AllocationRequest
        fields: list[str] = []

    def search(
        self, queryset: QuerySet[AllocationRequest], name: str, value: str
    ) -> QuerySet[AllocationRequest]:
        """Title, organisation, requester or code."""
        for word in value.split():
            queryset = queryset.filter(
                Q(project__title__icontains=word)
                | Q(project__organisation__name__icontains=word)
                | Q(requested_by__name__icontains=word)
                | Q(code__istartswith=word)
            )
        return queryset


class CallFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    state = django_filters.ChoiceFilter(
        label=_("State"), choices=CallState, method="in_state", empty_label=_("Any")
    )
    track = django_filters.ModelChoiceFilter(
        label=_("Track"), to_field_name="code", queryset=Track.objects.all(), empty_label=_("Any")
    )

    class Meta:
        model = Call
        fields: list[str] = []

    def search(self, queryset: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        """Title in either language, or code."""
        for word in value.split():
            queryset = queryset.filter(
                Q(title_en__icontains=word) | Q(title_ur__icontains=word) | Q(code__istartswith=word)
            )
        return queryset

    def in_state(self, queryset: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        now = clock.now()
        return queryset.filter(
            {
                CallState.DRAFT: Q(published_at__isnull=True),
                CallState.COMING: Q(published_at__isnull=False, opens_at__gt=now),
                CallState.OPEN: Q(published_at__isnull=False, opens_at__lte=now, closes_at__gt=now),
                CallState.CLOSED: Q(published_at__isnull=False, closes_at__lte=now),
            }[CallState(value)]
        )
