"""Organisations: founded and described by their owners."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation.errors import IllegalState
from portal.foundation.policies import require
from portal.foundation.services import records
from portal.people.models import Membership, Organisation
from portal.people.services._gate import locked, require_line

SHOWN = ("name", "kind", "province", "website")


@transaction.atomic
def organisation_create(
    *, actor: Any, name: str, kind: str, province: str, website: str = ""
) -> Organisation:
    """Found an organisation with `actor` as its owner. It is unverified. Raises InvalidInput."""
    organisation = records.insert(
        actor=actor,
        action="organisation_create",
        record=Organisation(
            name=require_line(name, field="name"), kind=kind, province=province, website=website
        ),
        shown=SHOWN,
    )
    Membership.objects.create(organisation=organisation, user=actor, role=Membership.Role.OWNER)
    return organisation


@transaction.atomic
def organisation_update(
    *, actor: Any, organisation: Organisation, name: str, province: str, website: str
) -> Organisation:
    """Change what is said about it. A name that was submitted for verification stands still.

    Raises InvalidInput, IllegalState, NotAllowed.
    """
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    name = require_line(name, field="name")
    if name != organisation.name and (organisation.is_verified or organisation.is_awaiting):
        raise IllegalState(
            _("The name was submitted for verification and can't be changed."),
            field="name",
            remedy=_("Withdraw the verification first, or ask a verifier to revoke it."),
        )
    return records.update(
        actor=actor,
        action="organisation_update",
        record=organisation,
        changes={"name": name, "province": province, "website": website},
    )
