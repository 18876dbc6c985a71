"""Reading allocations: always through what the viewer may see."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from allocations.awards.models import Allocation, Award
from allocations.awards.scope import insiders, overseers
from allocations.ledger import selectors as ledger
from allocations.ledger.selectors import Balances
from allocations.projects.models import Project


def visible_to(user: Any) -> QuerySet[Allocation]:
    """The allocations of the viewer's projects and organisations, and those that they oversee."""
    return Allocation.objects.select_related(
        "project__organisation", "project__sector", "resource__site"
    ).filter(insiders(user) | overseers(user, site="resource__site"))


def detailed(user: Any) -> QuerySet[Allocation]:
    """The same, with their awards."""
    awards = Award.objects.select_related("decided_by", "fulfilment__decision__request")
    return visible_to(user).prefetch_related(Prefetch("awards", awards))


def with_balances(allocations: Iterable[Allocation]) -> list[tuple[Allocation, Balances]]:
    """Each allocation with its balances, in one query for all."""
    allocations = list(allocations)
    standing = ledger.balances_of([allocation.code for allocation in allocations])
    return [(allocation, standing[allocation.code]) for allocation in allocations]


def others_of(project: Project, *, besides: Allocation | None = None) -> QuerySet[Allocation]:
    """What the project and its organisation hold already: shown to who decides."""
    held = Allocation.objects.select_related("project", "resource__site").filter(
        Q(project=project) | Q(project__organisation=project.organisation_id)
    )
    return held.exclude(pk=besides.pk) if besides else held
