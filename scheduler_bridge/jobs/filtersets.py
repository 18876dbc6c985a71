"""How lists of jobs are narrowed: one filterset for page and API."""

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from datacenters.models import Resource
from scheduler_bridge.jobs.selectors import OPEN_STATES
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState

MOST_BIGINT = 2**63


class JobFilters(django_filters.FilterSet):
    q = django_filters.CharFilter(label=_("Search"), method="search")
    state = django_filters.ChoiceFilter(
        label=_("State"),
        method="in_state",
        choices=[("open", _("Not ended yet")), *JobState.choices],
        empty_label=_("Any"),
    )
    mine = django_filters.ChoiceFilter(
        label=_("Sent by"), method="own", choices=[("true", _("Me"))], empty_label=_("Anybody")
    )
    project = django_filters.CharFilter(label=_("Project code"), field_name="allocation__project__code")
    allocation = django_filters.CharFilter(
        label=_("Allocation code"),
        field_name="allocation__code",
        widget=forms.HiddenInput,  # Comes by a link from the allocation's page.
    )
    resource = django_filters.ModelChoiceFilter(
        label=_("Resource"),
        field_name="allocation__resource",
        to_field_name="code",
        queryset=Resource.objects.all(),
        empty_label=_("Any"),
    )
    site = django_filters.CharFilter(label=_("Site code"), field_name="cluster__site__code")
    ordering = django_filters.OrderingFilter(
        fields=["created_at", "started_at", "ended_at", "state", "gpus", "charged"],
        label=_("Order"),
        widget=forms.HiddenInput,  # Column headers set it.
    )

    class Meta:
        model = Job
        fields: list[str] = []

    def search(self, queryset: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        """Title, code or Slurm job id."""
        for word in value.split():
            found = Q(title__icontains=word) | Q(code__istartswith=word) | Q(code__istartswith=f"job-{word}")
            if word.isdecimal() and int(word) < MOST_BIGINT:
                found |= Q(slurm_job_id=int(word))
            queryset = queryset.filter(found)
        return queryset

    def in_state(self, queryset: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        return queryset.filter(state__in=OPEN_STATES if value == "open" else [value])

    def own(self, queryset: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        return queryset.filter(submitted_by=self.request.user)
