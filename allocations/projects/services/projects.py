"""Projects: propose, change, put away and take out again."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.projects.models import Project, ProjectMember, Sector
from datacenters.models import DataClass
from portal.foundation import clock, policies
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.services import records
from portal.foundation.text import fold_line
from portal.people.models import Organisation

FIELDS = ("title", "abstract", "sector", "data_class")
EDITABLE = frozenset(FIELDS)


@transaction.atomic
def project_create(
    *,
    actor: Any,
    organisation: Organisation,
    title: str,
    abstract: str,
    sector: Sector,
    data_class: str = DataClass.OPEN,
) -> Project:
    """Propose a project of one's own organisation; `actor` becomes its principal investigator.

    Raises NotAllowed for other organisations, unverified ones and people without a verified address, and
    InvalidInput for secret data.
    """
    check_proposer(actor, organisation)
    _check_data_class(data_class)
    project = Project(
        organisation=organisation,
        title=fold_line(title),
        abstract=abstract.strip(),
        sector=sector,
        data_class=data_class,
    )
    shown = ("organisation", *FIELDS)
    records.insert(actor=actor, action="project_create", record=project, shown=shown)
    ProjectMember.objects.create(project=project, user=actor, role=ProjectMember.Role.PI)
    return project


@transaction.atomic
def project_update(*, actor: Any, project: Project, reason: str = "", **changes: Any) -> Project:
    """Change a project; `changes` are EDITABLE. For its PI and managers, while it isn't archived.

    A stricter data class doesn't move what stands at sites already: the rooms above check it at each request,
    approval and dispatch. Raises InvalidInput, IllegalState, NotAllowed.
    """
    policies.require(actor, "projects.manage", project)
    records.only(changes, EDITABLE)
    require_active(project)
    _check_data_class(changes.get("data_class", project.data_class))
    if "title" in changes:
        changes["title"] = fold_line(changes["title"])
    if "abstract" in changes:
        changes["abstract"] = changes["abstract"].strip()
    return records.update(
        actor=actor, action="project_update", record=project, changes=changes, reason=reason
    )


@transaction.atomic
def project_archive(*, actor: Any, project: Project) -> Project:
    """Put a project away: no new requests, jobs or members; everything stays readable.

    For its PI and managers. Undone by `project_unarchive`. Raises IllegalState where it is archived.
    """
    policies.require(actor, "projects.manage", project)
    require_active(project)
    return _set_archived(actor, project, "project_archive", clock.now())


@transaction.atomic
def project_unarchive(*, actor: Any, project: Project) -> Project:
    """Take a project out of the archive. For its PI and managers. Raises IllegalState."""
    policies.require(actor, "projects.manage", project)
    if project.archived_at is None:
        raise IllegalState(_("This project isn't archived."))
    return _set_archived(actor, project, "project_unarchive", None)


def require_active(project: Project) -> None:
    """Raises IllegalState for an archived project."""
    if project.archived_at is not None:
        raise IllegalState(
            _("This project is archived."), remedy=_("Take it out of the archive first, on its page.")
        )


def _set_archived(actor: Any, project: Project, action: str, moment: Any) -> Project:
    return records.update(actor=actor, action=action, record=project, changes={"archived_at": moment})


def check_proposer(actor: Any, organisation: Organisation) -> None:
    """Raises NotAllowed where `actor` can't propose projects for `organisation`, or can't yet."""
    if not actor.is_active or organisation.pk not in actor.organisation_ids:
        raise NotAllowed(
            _("Only members of an organisation may propose projects for it."),
            field="organisation",
            remedy=_("Ask one of its owners to invite you."),
        )
    if not organisation.is_verified:
        raise NotAllowed(
            _("%(name)s isn't verified yet.") % {"name": organisation.name},
            field="organisation",
            code="organisation_not_verified",
            remedy=_("One of its owners hands in the evidence on the organisation's page."),
        )
    if not actor.verified_addresses:
        raise NotAllowed(
            _("Your e-mail address isn't verified yet."),
            code="email_not_verified",
            remedy=_("Open the link in the mail that we sent, or send a new one under “E-mail addresses”."),
        )


def _check_data_class(data_class: str) -> None:
    if data_class == DataClass.SECRET:
        raise InvalidInput(
            _("Secret data is refused: no site of the programme may hold it."),
            field="data_class",
            code="secret_refused",
            remedy=_("Keep it off this portal and off every site; ask its owner for a lower class."),
        )
