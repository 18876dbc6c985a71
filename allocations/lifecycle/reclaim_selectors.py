"""Reading rules and cases of reclamation: always through what the viewer may see."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.awards.selectors import visible_to as visible_allocations
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimExemption, ReclaimRule
from allocations.lifecycle.reclaim_plan import rules_with_versions
from allocations.lifecycle.reclaim_transitions import CaseState, ExemptionState
from portal.foundation.policies import allowed


def cases_visible_to(user: Any) -> QuerySet[ReclaimCase]:
    """The cases of the allocations that the viewer sees."""
    return ReclaimCase.objects.filter(allocation__in=visible_allocations(user).order_by()).select_related(
        "rule",
        "version",
        "exemption__asked_by",
        "exemption__decided_by",
        "allocation__project__organisation",
        "allocation__resource__site",
    )


def rules_visible_to(user: Any) -> QuerySet[ReclaimRule]:
    rules = rules_with_versions()
    return rules if allowed(user, "lifecycle.see_reclaim") else rules.none()


def exemptions_to_decide(user: Any) -> int:
    """How many requests to be exempted await this admin's answer."""
    return (
        ReclaimExemption.objects.filter(state=ExemptionState.PENDING)
        .exclude(case__allocation__project__organisation__in=user.memberships.values("organisation"))
        .exclude(case__allocation__project__in=user.project_roles.values("project"))
        .count()
    )


class ReclaimCaseFilters(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(label=_("State"), choices=CaseState, empty_label=_("Any"))
    exemption = django_filters.ChoiceFilter(
        label=_("Exemption"), field_name="exemption__state", choices=ExemptionState, empty_label=_("Any")
    )
    project = django_filters.CharFilter(label=_("Project code"), field_name="allocation__project__code")
    allocation = django_filters.CharFilter(label=_("Allocation code"), field_name="allocation__code")

    class Meta:
        model = ReclaimCase
        fields: list[str] = []
