"""How lists of site logins are narrowed."""

import django_filters
from django.utils.translation import gettext_lazy as _

from scheduler_bridge.models import SiteLogin


class SiteLoginFilters(django_filters.FilterSet):
    site = django_filters.CharFilter(label=_("Site code"), field_name="site__code")
    user = django_filters.CharFilter(label=_("Code of the person"), field_name="user__code")

    class Meta:
        model = SiteLogin
        fields: list[str] = []
