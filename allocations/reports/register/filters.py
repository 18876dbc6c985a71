"""How the register is narrowed: one filterset for page, API and CSV."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.programme.models import Fulfilment, Track
from allocations.projects.models import Sector
from datacenters.models import Resource
from portal.people.models import Organisation

QUARTERS = [("1", "Q1"), ("2", "Q2"), ("3", "Q3"), ("4", "Q4")]


class RegisterFilters(django_filters.FilterSet):
    """Year and quarter are those of the decision, in Pakistan."""

    year = django_filters.NumberFilter(
        label=_("Year"), field_name="created_at", lookup_expr="year", min_value=2000, max_value=2100
    )
    quarter = django_filters.ChoiceFilter(
        label=_("Quarter"),
        field_name="created_at",
        lookup_expr="quarter",
        choices=QUARTERS,
        empty_label=_("Any"),
    )
    track = django_filters.ModelChoiceFilter(
        label=_("Track"),
        to_field_name="code",
        queryset=Track.objects.all(),
        method="of_track",
        empty_label=_("Any"),
    )
    organisation_class = django_filters.ChoiceFilter(
        label=_("Class"),
        field_name="project__organisation__kind",
        choices=Organisation.Kind,
        empty_label=_("Any"),
    )
    sector = django_filters.ModelChoiceFilter(
        label=_("Sector"),
        field_name="project__sector",
        to_field_name="code",
        queryset=Sector.objects.all(),
        empty_label=_("Any"),
    )
    province = django_filters.ChoiceFilter(
        label=_("Province"),
        field_name="project__organisation__province",
        choices=Organisation.Province,
        empty_label=_("Any"),
    )
    resource = django_filters.ModelChoiceFilter(
        label=_("Resource"),
        to_field_name="code",
        queryset=Resource.objects.all(),
        empty_label=_("Any"),
    )
    q = django_filters.CharFilter(label=_("Organisation"), method="of_organisation")

    class Meta:
        model = Allocation
        fields: list[str] = []

    def of_track(self, queryset: QuerySet[Allocation], name: str, value: Track) -> QuerySet[Allocation]:
        """By the request that it followed from."""
        followed = Fulfilment.objects.filter(decision__request__track_version__track=value)
        return queryset.filter(pk__in=followed.values("award__allocation"))

    def of_organisation(self, queryset: QuerySet[Allocation], name: str, value: str) -> QuerySet[Allocation]:
        """A part of its name."""
        return queryset.filter(project__organisation__name__icontains=value)
