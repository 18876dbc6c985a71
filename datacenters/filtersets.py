"""How sites and resources are narrowed: one filterset for page and API."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from datacenters.models import DataClass, Outage, Resource, Site
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


class OutageFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(
        label=_("State"), choices=Outage.State, method="in_state", empty_label=_("Any")
    )
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=Outage.Kind, empty_label=_("Any"))
    cause = django_filters.ChoiceFilter(label=_("Cause"), choices=Outage.Cause, empty_label=_("Any"))

    class Meta:
        model = Outage
        fields: list[str] = []

    def in_state(self, queryset: QuerySet[Outage], name: str, value: str) -> QuerySet[Outage]:
        """As `Outage.state` tells it, in SQL."""
        now = clock.now()
        if value == Outage.State.WITHDRAWN:
            return queryset.filter(withdrawn_at__isnull=False)
        begun = {
            Outage.State.COMING: Q(starts_at__gt=now),
            Outage.State.ONGOING: Q(starts_at__lte=now) & (Q(ends_at=None) | Q(ends_at__gt=now)),
            Outage.State.OVER: Q(starts_at__lte=now, ends_at__lte=now),
        }[Outage.State(value)]
        return queryset.filter(begun, withdrawn_at=None)


class SiteOutageFilters(OutageFilters):
    """For all sites together, as the API lists them."""

    site = django_filters.CharFilter(label=_("Site"), field_name="site__code")
    resource = django_filters.CharFilter(label=_("Resource"), field_name="resource__code")
