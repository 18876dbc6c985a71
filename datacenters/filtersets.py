"""How sites and resources are narrowed: one filterset for page and API."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from datacenters.models import DataClass, Resource, Site
from portal.foundation import clock
from portal.foundation.filters import YesNoFilter
from portal.people.models import Organisation

NEEDS_ACCREDITATION = [DataClass.RESTRICTED, DataClass.SENSITIVE]


class SiteFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    province = django_filters.ChoiceFilter(
        label=_("Province"), choices=Organisation.Province, empty_label=_("Any")
    )
    holds = django_filters.ChoiceFilter(
        label=_("May hold"),
        choices=[(name, name.label) for name in NEEDS_ACCREDITATION],
        method="holding",
        empty_label=_("Any data"),
    )

    class Meta:
        model = Site
        fields: list[str] = []

    def search(self, queryset: QuerySet[Site], name: str, value: str) -> QuerySet[Site]:
        """Name, city, code or GPU model; every word must fit."""
        for word in value.split():
            by_gpu = Resource.objects.filter(gpu_model__icontains=word).values("site")
            queryset = queryset.filter(
                Q(name__icontains=word) | Q(city__icontains=word) | Q(code__icontains=word) | Q(pk__in=by_gpu)
            )
        return queryset

    def holding(self, queryset: QuerySet[Site], name: str, value: str) -> QuerySet[Site]:
        """Sites whose accreditation for this class is in force today."""
        return queryset.filter(
            accreditations__data_class=value, accreditations__expires_on__gte=clock.today()
        )


class ResourceFilters(django_filters.FilterSet):
    site = django_filters.CharFilter(label=_("Site"), field_name="site__code")
    gpu_model = django_filters.CharFilter(label=_("GPU model"), lookup_expr="icontains")
    is_open = YesNoFilter(label=_("May be requested"))

    class Meta:
        model = Resource
        fields: list[str] = []
