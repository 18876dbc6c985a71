"""How lists of site logins are narrowed: one filterset for page and API."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from scheduler_bridge.models import SiteLogin
from scheduler_bridge.transitions import LoginState


class LoginsOfSiteFilters(django_filters.FilterSet):
    """Within one site."""

    q = django_filters.CharFilter(label=_("Search"), method="search")
    state = django_filters.ChoiceFilter(label=_("State"), choices=LoginState, empty_label=_("Any"))

    class Meta:
        model = SiteLogin
        fields: list[str] = []

    def search(self, queryset: QuerySet[SiteLogin], name: str, value: str) -> QuerySet[SiteLogin]:
        """Name, e-mail address or login; every word must fit."""
        for word in value.split():
            queryset = queryset.filter(
                Q(user__name__icontains=word) | Q(user__email__icontains=word) | Q(login__icontains=word)
            )
        return queryset


class SiteLoginFilters(LoginsOfSiteFilters):
    site = django_filters.CharFilter(label=_("Site code"), field_name="site__code")
    user = django_filters.CharFilter(label=_("Code of the person"), field_name="user__code")
