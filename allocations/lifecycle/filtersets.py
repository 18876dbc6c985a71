"""How lists of changes, reports and appeals are narrowed: one filterset for page and API."""

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.lifecycle.models import AllocationReport, Appeal, ChangeKind, ChangeRequest
from allocations.lifecycle.transitions import AppealState, ChangeState, ReportState

ORDER = {"label": _("Order"), "widget": forms.HiddenInput}  # Column headers set it.


class ChangeFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=_("State"), choices=ChangeState, empty_label=_("Any"))
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=ChangeKind, empty_label=_("Any"))
    allocation = django_filters.CharFilter(label=_("Allocation code"), field_name="allocation__code")
    project = django_filters.CharFilter(label=_("Project code"), field_name="allocation__project__code")
    ordering = django_filters.OrderingFilter(fields=["created_at", "decided_at", "state"], **ORDER)

    class Meta:
        model = ChangeRequest
        fields: list[str] = []


class ReportFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=_("State"), choices=ReportState, empty_label=_("Any"))
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=AllocationReport.Kind, empty_label=_("Any"))
    allocation = django_filters.CharFilter(label=_("Allocation code"), field_name="allocation__code")
    project = django_filters.CharFilter(label=_("Project code"), field_name="allocation__project__code")
    ordering = django_filters.OrderingFilter(fields=["due_on", "submitted_at", "state"], **ORDER)

    class Meta:
        model = AllocationReport
        fields: list[str] = []


class AppealFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=_("State"), choices=AppealState, empty_label=_("Any"))
    request = django_filters.CharFilter(label=_("Request code"), field_name="request__code")
    change = django_filters.CharFilter(label=_("Change code"), field_name="change__code")
    ordering = django_filters.OrderingFilter(fields=["created_at", "decided_at", "state"], **ORDER)

    class Meta:
        model = Appeal
        fields: list[str] = []
