"""Which projects a quota's group consists of: in SQL for sums, in Python for one project.

A group is what it is today: an award counts for the class, province and endorsements that its project and
organisation have now.
"""

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


def projects_of(quota: Quota) -> QuerySet[Project]:
    """The projects of its group."""
    dimension = Dimension(quota.dimension)
    if dimension in FIELDS:
        return Project.objects.filter(**{FIELDS[dimension]: quota.value})
    if dimension == Dimension.PROGRAMME:
        return endorsed_by(Q(programme__code=quota.value))
    confirmed = Verification.objects.filter(
        organisation=OuterRef("organisation"),
        state=Verification.State.ACCEPTED,
        expires_on__gte=clock.today(),
        women_led_confirmed=True,
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


def name_of(dimension: str, value: str) -> str:
    """What people call the group; the bare value where it names nothing."""
    return str(_names(dimension).get(value, value))


def choices_of(dimension: str) -> list[tuple[str, str]]:
    """The groups that a quota may be set for."""
    return [(value, str(label)) for value, label in _names(dimension).items()]


def check_group(dimension: str, value: str) -> None:
    """Raises InvalidInput where there is no such group."""
    if dimension not in Dimension.values:
        raise InvalidInput(_("Choose by what the group is told from others."), field="dimension")
    if value not in _names(dimension):
        raise InvalidInput(
            _("“%(value)s” is no group of “%(dimension)s”.")
            % {"value": value, "dimension": Dimension(dimension).label},
            field="value",
            remedy=_("Choose one from the list."),
        )


def _names(dimension: str) -> dict[str, Any]:
    match dimension:
        case Dimension.CLASS:
            return dict(Organisation.Kind.choices)
        case Dimension.PROVINCE:
            return dict(Organisation.Province.choices)
        case Dimension.SECTOR:
            return {sector.code: sector for sector in Sector.objects.all()}
        case Dimension.ORGANISATION:
            return {each.code: each for each in Organisation.objects.all()}
        case Dimension.PROGRAMME:
            return {each.code: each for each in Programme.objects.filter(closed_at=None)}
        case _:
            return {"": Dimension.WOMEN_LED.label}
