"""Filters of the list of notices, on page and in API."""

from django.utils.translation import gettext_lazy as _
from django_filters import ChoiceFilter, FilterSet

from portal.foundation.filters import YesNoFilter
from portal.notices.kinds import Group
from portal.notices.models import Notice


class NoticeFilter(FilterSet):
    unread = YesNoFilter(label=_("Unread"), field_name="read_at", lookup_expr="isnull")
    group = ChoiceFilter(label=_("About"), choices=Group)

    class Meta:
        model = Notice
        fields = ["unread", "group"]
