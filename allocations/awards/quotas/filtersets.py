"""How quotas and programmes are narrowed: one filterset for page and API."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.awards.quotas.models import Dimension, Quota
from datacenters.models import Resource
from portal.foundation.filters import YesNoFilter
from portal.people.models import Programme


class QuotaFilters(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=Quota.Kind, empty_label=_("Any"))
    dimension = django_filters.ChoiceFilter(label=_("Group by"), choices=Dimension, empty_label=_("Any"))
    resource = django_filters.ModelChoiceFilter(
        label=_("Resource"),
        field_name="resource",
        to_field_name="code",
        queryset=Resource.objects.all(),
        empty_label=_("Any"),
    )
    enforced = YesNoFilter(label=_("Enforced"))

    class Meta:
        model = Quota
        fields: list[str] = []


class ProgrammeFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=Programme.Kind, empty_label=_("Any"))
    closed = YesNoFilter(label=_("Closed"), field_name="closed_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Programme
        fields: list[str] = []

    def search(self, queryset: QuerySet[Programme], name: str, value: str) -> QuerySet[Programme]:
        """Name in either language, or sector; every word must fit."""
        for word in value.split():
            queryset = queryset.filter(
                Q(name_en__icontains=word) | Q(name_ur__icontains=word) | Q(sector__icontains=word)
            )
        return queryset
