"""Organisations: founded and described by their owners."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation.errors import IllegalState
from portal.foundation.policies import require
from portal.foundation.services import records
from portal.people.models import Membership, Organisation
from portal.people.services._gate import locked, require_line

SHOWN = ("name", "kind", "province", "women_led", "website")


@transaction.atomic
def organisation_create(
    *, actor: Any, name: str, kind: str, province: str, women_led: bool = False, website: str = ""
) -> Organisation:
    """Found an organisation with `actor` as its owner. It is unverified. Raises InvalidInput."""
    organisation = records.insert(
        actor=actor,
        action="organisation_create",
        record=Organisation(
            name=require_line(name, field="name"),
            kind=kind,
            province=province,
            women_led=women_led,
            website=website,
        ),
        shown=SHOWN,
    )
    Membership.objects.create(organisation=organisation, user=actor, role=Membership.Role.OWNER)
    return organisation


@transaction.atomic
def organisation_update(
    *,
    actor: Any,
    organisation: Organisation,
    name: str,
    province: str,
    website: str,
    women_led: bool | None = None,
) -> Organisation:
    """Change what is said about it. What was submitted for verification stands still.

    `women_led` None leaves it as it is. Raises InvalidInput, IllegalState, NotAllowed.
    """
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    changes: dict[str, Any] = {"name": require_line(name, field="name"), "province": province}
    if women_led is not None:
        changes["women_led"] = women_led
    _require_free(organisation, changes)
    return records.update(
        actor=actor,
        action="organisation_update",
        record=organisation,
        changes=changes | {"website": website},
    )


def _require_free(organisation: Organisation, changes: dict[str, Any]) -> None:
    """Raises IllegalState where a fact changes that a verification is about, or the list of institutions."""
    for field in ("name", "province"):
        if organisation.institution_id and changes[field] != getattr(organisation, field):
            raise IllegalState(
                _("A recognised institution is called and placed as it is listed."),
                field=field,
                remedy=_("Ask a programme admin to correct the list of recognised institutions."),
            )
    if not (organisation.is_verified or organisation.is_awaiting):
        return
    if changes["name"] != organisation.name:
        raise IllegalState(
            _("The name was submitted for verification and can't be changed."),
            field="name",
            remedy=_("Withdraw the verification first, or ask a verifier to revoke it."),
        )
    for field in ("province", "women_led"):
        if field in changes and changes[field] != getattr(organisation, field):
            raise IllegalState(
                _("This was submitted for verification and can't be changed here."),
                field=field,
                remedy=_("Say it in a new verification: it counts once that is accepted."),
            )
