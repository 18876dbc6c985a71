"""How entries of the ledger are narrowed: one filterset for page and API."""

from datetime import date, timedelta

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.ledger.models import Posting, PostingKind
from portal.foundation import clock

# Capacity is planned for a resource; no allocation has such entries.
OF_AN_ALLOCATION = [
    (kind.value, kind.label)
    for kind in PostingKind
    if kind not in {PostingKind.CAPACITY, PostingKind.LAPSE, PostingKind.OVERSUBSCRIPTION}
]


DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class StatementFilters(django_filters.FilterSet):
    """Days are those of Pakistan, both included."""

    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=OF_AN_ALLOCATION, empty_label=_("Any"))
    about = django_filters.CharFilter(
        label=_("Job or run"), method="of_thing", help_text=_("Code of a job, or key of a run.")
    )
    since = django_filters.DateFilter(label=_("From"), method="from_day", widget=DAY)
    until = django_filters.DateFilter(label=_("Until"), method="to_day", widget=DAY)

    class Meta:
        model = Posting
        fields: list[str] = []

    def of_thing(self, queryset: QuerySet[Posting], name: str, value: str) -> QuerySet[Posting]:
        of_job = Q(pk__in=queryset.filter(transfers__hold__job_code=value).order_by().values("pk"))
        return queryset.filter(Q(reference=value) | of_job)

    def from_day(self, queryset: QuerySet[Posting], name: str, value: date) -> QuerySet[Posting]:
        return queryset.filter(posted_at__gte=clock.midnight(value))

    def to_day(self, queryset: QuerySet[Posting], name: str, value: date) -> QuerySet[Posting]:
        return queryset.filter(posted_at__lt=clock.midnight(value + timedelta(days=1)))


class EntryFilters(StatementFilters):
    """Over all allocations that the caller may see."""

    allocation = django_filters.CharFilter(label=_("Allocation"), field_name="allocation_code")
