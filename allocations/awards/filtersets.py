"""How lists of allocations are narrowed: one filterset for page and API."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from datacenters.models import Resource


class AllocationFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    state = django_filters.ChoiceFilter(label=_("State"), choices=AllocationState, empty_label=_("Any"))
    project = django_filters.CharFilter(label=_("Project code"), field_name="project__code")
    resource = django_filters.ModelChoiceFilter(
        label=_("Resource"),
        field_name="resource",
        to_field_name="code",
        queryset=Resource.objects.all(),
        empty_label=_("Any"),
    )
    site = django_filters.CharFilter(label=_("Site code"), field_name="resource__site__code")
    ordering = django_filters.OrderingFilter(
        fields=["created_at", "starts_on", "ends_on", "state"],
        label=_("Order"),
        widget=forms.HiddenInput,  # Column headers set it.
    )

    class Meta:
        model = Allocation
        fields: list[str] = []

    def search(self, queryset: QuerySet[Allocation], name: str, value: str) -> QuerySet[Allocation]:
        """Project, organisation, resource or code."""
        for word in value.split():
            queryset = queryset.filter(
                Q(project__title__icontains=word)
                | Q(project__organisation__name__icontains=word)
                | Q(resource__name__icontains=word)
                | Q(code__istartswith=word)
            )
        return queryset
