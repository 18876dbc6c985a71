"""Which projects a quota's group consists of: in SQL for sums, in Python for one project.

A group is what it is today: an award counts for the class, province and endorsements that its project and
organisation have now.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.quotas.models import Dimension, ProjectEndorsement, Quota
from allocations.projects.models import Project, Sector
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.people.models import Organisation, OrganisationEndorsement, Programme, Verification

FIELDS = {
    Dimension.CLASS: "organisation__kind",
    Dimension.SECTOR: "sector__code",
    Dimension.PROVINCE: "organisation__province",
    Dimension.ORGANISATION: "organisation__code",
}
# Of a verification: it confirms that a woman leads. What an organisation says itself doesn't count.
WOMEN_LED = Q(state=Verification.State.ACCEPTED, women_led_confirmed=True)


def projects_of(quota: Quota) -> QuerySet[Project]:
    """The projects of its group."""
    dimension = Dimension(quota.dimension)
    if dimension in FIELDS:
        return Project.objects.filter(**{FIELDS[dimension]: quota.value})
    if dimension == Dimension.PROGRAMME:
        return endorsed_by(Q(programme__code=quota.value))
    confirmed = Verification.objects.filter(
        WOMEN_LED, organisation=OuterRef("organisation"), expires_on__gte=clock.today()
    )
    return Project.objects.filter(Exists(confirmed))


def endorsed_by(programme: Q) -> QuerySet[Project]:
    """Projects that a programme endorses today, by themselves or with their organisation."""
    own = ProjectEndorsement.objects.filter(programme, ProjectEndorsement.in_force())
    whole = OrganisationEndorsement.objects.filter(programme, OrganisationEndorsement.in_force())
    return Project.objects.filter(
        Q(pk__in=own.values("project")) | Q(organisation__in=whole.values("organisation"))
    )


def allocation_codes(quota: Quota) -> QuerySet[Allocation, Any]:
    """The codes of its group's allocations, for `allocation_code__in`."""
    return Allocation.objects.filter(project__in=projects_of(quota)).order_by().values("code")


def groups_of(project: Project) -> set[tuple[str, str]]:
    """Every (dimension, value) that the project is in."""
    organisation = project.organisation
    found: set[tuple[str, str]] = {
        (Dimension.CLASS, organisation.kind),
        (Dimension.SECTOR, project.sector.code),
        (Dimension.PROVINCE, organisation.province),
        (Dimension.ORGANISATION, organisation.code),
    }
    if organisation.counts_as_women_led:
        found.add((Dimension.WOMEN_LED, ""))
    return found | {(Dimension.PROGRAMME, code) for code in _programmes_of(project)}


def _programmes_of(project: Project) -> set[str]:
    own = ProjectEndorsement.objects.filter(ProjectEndorsement.in_force(), project=project)
    whole = OrganisationEndorsement.objects.filter(
        OrganisationEndorsement.in_force(), organisation=project.organisation_id
    )
    bodies = Programme.objects.filter(Q(pk__in=own.values("programme")) | Q(pk__in=whole.values("programme")))
    return set(bodies.values_list("code", flat=True))


def members_of(quotas: Collection[Quota]) -> dict[str, set[int]]:
    """The ids of each quota's projects, by its code; at most five queries for all."""
    wanted = {quota.dimension for quota in quotas}
    rows = list(Project.objects.values_list("pk", "organisation_id", *FIELDS.values()))
    members: dict[tuple[str, str], set[int]] = {}
    of_organisation: dict[int, set[int]] = {}
    for pk, organisation, *values in rows:
        of_organisation.setdefault(organisation, set()).add(pk)
        for dimension, value in zip(FIELDS, values, strict=True):
            members.setdefault((dimension, value), set()).add(pk)
    if Dimension.WOMEN_LED in wanted:
        led = Verification.objects.filter(WOMEN_LED, expires_on__gte=clock.today())
        members[Dimension.WOMEN_LED, ""] = {
            pk
            for organisation in led.values_list("organisation", flat=True)
            for pk in of_organisation.get(organisation, ())
        }
    if Dimension.PROGRAMME in wanted:
        whole = OrganisationEndorsement.objects.filter(OrganisationEndorsement.in_force())
        for code, organisation in whole.values_list("programme__code", "organisation"):
            found = members.setdefault((Dimension.PROGRAMME, code), set())
            found |= of_organisation.get(organisation, set())
        own = ProjectEndorsement.objects.filter(ProjectEndorsement.in_force())
        for code, pk in own.values_list("programme__code", "project"):
            members.setdefault((Dimension.PROGRAMME, code), set()).add(pk)
    return {quota.code: members.get(quota.group, set()) for quota in quotas}


def names_of(groups: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What people call each group; the bare value where it names nothing; a query a dimension."""
    by_dimension: dict[str, set[str]] = {}
    for dimension, value in groups:
        by_dimension.setdefault(dimension, set()).add(value)
    return {
        (dimension, value): str(known.get(value, value))
        for dimension, values in by_dimension.items()
        for known in [_names(dimension, values)]
        for value in values
    }


def name_of(dimension: str, value: str) -> str:
    """What people call one group."""
    return names_of([(dimension, value)])[dimension, value]


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every group that a quota may be set for, dimension by dimension; written `class:startup`."""
    return [
        (
            str(dimension.label),
            [(f"{dimension}:{value}", str(label)) for value, label in _names(dimension).items()],
        )
        for dimension in Dimension
    ]


def check_group(dimension: str, value: str) -> None:
    """Raises InvalidInput where there is no such group."""
    if dimension not in Dimension.values:
        raise InvalidInput(_("Choose by what the group is told from others."), field="dimension")
    if value not in _names(dimension, {value}):
        raise InvalidInput(
            _("“%(value)s” is no group of “%(dimension)s”.")
            % {"value": value, "dimension": Dimension(dimension).label},
            field="value",
            remedy=_("Choose one from the list."),
        )


def _names(dimension: str, values: Collection[str] | None = None) -> dict[str, Any]:
    only = Q() if values is None else Q(code__in=values)
    match dimension:
        case Dimension.CLASS:
            return dict(Organisation.Kind.choices)
        case Dimension.PROVINCE:
            return dict(Organisation.Province.choices)
        case Dimension.SECTOR:
            return {sector.code: sector for sector in Sector.objects.filter(only)}
        case Dimension.ORGANISATION:
            return {each.code: each for each in Organisation.objects.filter(only)}
        case Dimension.PROGRAMME:
            return {each.code: each for each in Programme.objects.filter(only)}
        case _:
            return {"": _("Women-led")}
