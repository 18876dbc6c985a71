"""How lists of uploads are narrowed: one filterset for page and API."""

import django_filters
from django.utils.translation import gettext_lazy as _

from scheduler_bridge.models import UsageUpload
from scheduler_bridge.transitions import UploadState


class UploadsOfSiteFilters(django_filters.FilterSet):
    """Within one site."""

    state = django_filters.ChoiceFilter(label=_("State"), choices=UploadState, empty_label=_("Any"))

    class Meta:
        model = UsageUpload
        fields: list[str] = []


class UploadFilters(UploadsOfSiteFilters):
    site = django_filters.CharFilter(label=_("Site code"), field_name="site__code")
