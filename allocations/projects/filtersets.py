"""How projects are narrowed: one filterset for page and API."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.projects.models import Project, Sector


class ProjectFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    organisation = django_filters.CharFilter(label=_("Organisation"), method="of_organisation")
    sector = django_filters.ModelChoiceFilter(
        label=_("Sector"), to_field_name="code", queryset=Sector.objects.all(), empty_label=_("Any")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[("active", _("Active")), ("archived", _("Archived"))],
        method="in_state",
        empty_label=_("Any"),
    )
    ordering = django_filters.OrderingFilter(
        fields={"created_at": "created_at", "title": "title", "organisation__name": "organisation"},
        label=_("Order"),
        widget=forms.HiddenInput,  # Column headers set it.
    )

    class Meta:
        model = Project
        fields: list[str] = []

    def search(self, queryset: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """Title, abstract or code; every word must fit."""
        for word in value.split():
            queryset = queryset.filter(
                Q(title__icontains=word) | Q(abstract__icontains=word) | Q(code__istartswith=word)
            )
        return queryset

    def of_organisation(self, queryset: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """The organisation's code, or a part of its name."""
        return queryset.filter(Q(organisation__code=value) | Q(organisation__name__icontains=value))

    def in_state(self, queryset: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        return queryset.filter(archived_at__isnull=value == "active")
