"""Programmes: made by programme admins; their coordinators endorse organisations.

Projects are endorsed in a room above, by the same rules: `require_coordinator` and `withdraw`.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, records
from portal.people.models import Membership, Organisation, OrganisationEndorsement, Programme, User
from portal.people.models.programme import Endorsement
from portal.people.services._gate import require_admin, require_line, require_reason
from portal.people.services.announce import tell

PROGRAMME_FIELDS = ("kind", "name_en", "name_ur", "sector", "source", "illustrative")


@transaction.atomic
def programme_create(*, actor: Any, coordinators: Iterable[User] = (), **fields: Any) -> Programme:
    """Add a programme; `fields` are PROGRAMME_FIELDS. For admins. Raises InvalidInput, NotAllowed."""
    require_admin(actor)
    fields["name_en"] = require_line(fields.get("name_en", ""), field="name_en")
    programme = records.insert(
        actor=actor, action="programme_create", record=Programme(**fields), shown=PROGRAMME_FIELDS
    )
    _set_coordinators(actor, programme, coordinators)
    return programme


@transaction.atomic
def programme_update(
    *,
    actor: Any,
    programme: Programme,
    coordinators: Iterable[User] | None = None,
    reason: str = "",
    **changes: Any,
) -> Programme:
    """Change what is said about it, and who coordinates it (None: as they are). For programme admins."""
    require_admin(actor)
    records.only(changes, frozenset(PROGRAMME_FIELDS))
    if "name_en" in changes:
        changes["name_en"] = require_line(changes["name_en"], field="name_en")
    changed = records.update(
        actor=actor, action="programme_update", record=programme, changes=changes, reason=reason
    )
    if coordinators is not None:
        _set_coordinators(actor, changed, coordinators, reason)
    return changed


@transaction.atomic
def programme_close(*, actor: Any, programme: Programme, reason: str) -> Programme:
    """It endorses nothing further; what it endorsed counts no longer for it. For programme admins."""
    require_admin(actor)
    reason = require_reason(reason)
    if programme.closed_at:
        raise IllegalState(_("This programme is closed already."))
    return records.update(
        actor=actor,
        action="programme_close",
        record=programme,
        changes={"closed_at": clock.now()},
        reason=reason,
    )


@transaction.atomic
def organisation_endorse(
    *,
    actor: Any,
    programme: Programme,
    organisation: Organisation,
    until: date | None = None,
    reason: str = "",
) -> OrganisationEndorsement:
    """The programme stands for an organisation and all its projects. For its coordinators.

    Nobody endorses an organisation of their own, nor one that isn't verified. Raises NotAllowed,
    SecondFactorNeeded, InvalidInput, IllegalState.
    """
    require_coordinator(actor, programme, until)
    if organisation.pk in actor.organisation_ids:
        raise InvalidInput(
            _("Nobody endorses their own organisation."),
            field="organisation",
            remedy=_("Ask another coordinator."),
        )
    if not organisation.is_verified:
        raise InvalidInput(
            _("“%(organisation)s” isn't verified (any more).") % {"organisation": organisation},
            field="organisation",
            remedy=_("Endorse it once it is: else nobody knows whom the programme stands for."),
        )
    return endorse(
        actor,
        OrganisationEndorsement(
            programme=programme,
            organisation=organisation,
            until=until,
            reason=reason.strip(),
            endorsed_by=actor,
        ),
        told=[each.user for each in owners_of(organisation)],
    )


@transaction.atomic
def endorsement_withdraw(*, actor: Any, endorsement: Endorsement, reason: str) -> None:
    """The programme no longer stands for it. For its coordinators.

    Raises NotAllowed, SecondFactorNeeded, InvalidInput, IllegalState.
    """
    require(actor, "people.coordinate_programme", endorsement.programme)
    require_second_factor(actor)
    reason = require_reason(reason)
    row = type(endorsement)._default_manager.select_for_update(of=("self",)).get(pk=endorsement.pk)
    if row.withdrawn_at:
        raise IllegalState(_("This endorsement was withdrawn already."))
    row.withdrawn_at, row.withdrawn_by = clock.now(), actor
    row.store("withdrawn_at", "withdrawn_by")
    audit.record(
        actor=actor,
        action="endorsement_withdraw",
        target=row.programme,
        before={"endorsed": row.endorsed.code, "endorsement": row.code},
        reason=reason,
    )


def require_coordinator(actor: Any, programme: Programme, until: date | None) -> None:
    """Raises NotAllowed for everybody else, SecondFactorNeeded, IllegalState where it is closed, InvalidInput
    for a past day.
    """
    require(actor, "people.coordinate_programme", programme)
    require_second_factor(actor)
    if programme.closed_at:
        raise IllegalState(_("This programme is closed: it endorses nothing further."))
    if until is not None and until < clock.today():
        raise InvalidInput(
            _("This day is over."), field="until", remedy=_("Give the last day on which it counts.")
        )


def endorse[E: Endorsement](actor: Any, endorsement: E, *, told: Iterable[User]) -> E:
    """Write it, audit it and tell people; one that ran out makes place for the new one.

    Raises IllegalState where the programme stands for it already.
    """
    kind, name = type(endorsement), str(endorsement.endorsed._meta.model_name)
    Programme.objects.select_for_update().get(pk=endorsement.programme_id)  # one at a time
    standing = kind._default_manager.filter(
        programme=endorsement.programme, withdrawn_at=None, **{name: endorsement.endorsed}
    )
    for earlier in standing:
        if earlier.is_in_force:
            raise IllegalState(
                _("%(programme)s endorses “%(thing)s” already.")
                % {"programme": endorsement.programme, "thing": endorsement.endorsed},
                field=name,
            )
        earlier.withdrawn_at, earlier.withdrawn_by = clock.now(), actor
        earlier.store("withdrawn_at", "withdrawn_by")
    records.check(endorsement)
    endorsement.save(force_insert=True)
    audit.record(
        actor=actor,
        action="endorsement_make",
        target=endorsement.programme,
        after={"endorsed": endorsement.endorsed.code, "endorsement": endorsement.code, "kind": name}
        | endorsement.snapshot("until"),
        reason=endorsement.reason,
    )
    tell(
        users=told,
        kind="endorsed",
        subject=gettext_noop("“%(thing)s” is endorsed by %(programme)s"),
        body=gettext_noop("%(programme)s stands for “%(thing)s”: quotas set for the programme count it."),
        params={"thing": str(endorsement.endorsed), "programme": endorsement.programme.name_en},
        url=endorsement.endorsed.get_absolute_url(),
    )
    return endorsement


def owners_of(organisation: Organisation) -> Iterable[Membership]:
    return organisation.memberships.filter(role=Membership.Role.OWNER).select_related("user")


def people_at(addresses: Iterable[str]) -> list[User]:
    """The people who have proved these addresses. Raises InvalidInput for one that nobody has."""
    found = []
    for address in addresses:
        user = User.objects.filter(
            emailaddress__email__iexact=address, emailaddress__verified=True, is_active=True
        ).first()
        if user is None:
            raise InvalidInput(
                _("Nobody signs in with %(address)s.") % {"address": address},
                field="coordinators",
                remedy=_("Correct it, or have the person sign up first."),
            )
        found.append(user)
    return found


def _set_coordinators(
    actor: Any, programme: Programme, coordinators: Iterable[User], reason: str = ""
) -> None:
    wanted = {user.code: user for user in coordinators}
    before = set(programme.coordinators.values_list("code", flat=True))
    if before == wanted.keys():
        return
    programme.coordinators.set(wanted.values())
    audit.record(
        actor=actor,
        action="programme_coordinators",
        target=programme,
        before={"coordinators": sorted(before)},
        after={"coordinators": sorted(wanted)},
        reason=reason,
    )
