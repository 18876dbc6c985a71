"""Recognised institutions: who proves an address there belongs to it, and it needs no verifier.

The organisation of an institution has the listed name and province, so that an address never vouches for a
name that somebody made up. Whoever comes first is a member like those who follow: nobody manages it until the
institution's focal person comes, or a programme admin confirms one (`ownership.py`).
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.services import audit, records
from portal.people.models import Membership, Organisation, RecognisedInstitution, User, Verification
from portal.people.selectors import institutions_for, is_focal_person, verified_organisations
from portal.people.services._gate import locked
from portal.people.services.announce import tell
from portal.people.services.verifications import USUAL_DAYS, verifiers_of

IDENTIFIER_KIND = "hec"
State = Verification.State


@transaction.atomic
def institution_join(*, actor: Any) -> Organisation:
    """Join the organisation of the recognised institution in which `actor` has proved an address.

    It is founded where it isn't here yet, and verified by rule for a year where no verification is in force:
    so whoever comes again renews it. Being women-led is never confirmed by rule. Raises Refused where there
    is no such address, or an owner took `actor` out; IllegalState for a member where nothing is to be done.
    Of several institutions it is the first where something is.
    """
    institution, address = _found(actor)
    # One at a time: two people of the same institution may come at the same moment.
    RecognisedInstitution.objects.select_for_update().get(pk=institution.pk)
    organisation = locked(_organisation_of(actor, institution))
    joined = _join(actor, organisation, institution)
    renewed = _may_verify(organisation)
    if renewed:
        _verify(actor, organisation, institution, domain=address.rpartition("@")[2])
    if not (joined or renewed):
        raise IllegalState(_("You are a member of this organisation already."))
    return organisation


def join_offer(user: User) -> RecognisedInstitution | None:
    """The institution that `user` could join by their address, or renew the verification of."""
    return next((each for each, _address in institutions_for(user) if _is_of_use(user, each)), None)


def _is_of_use(user: User, institution: RecognisedInstitution) -> bool:
    """Whether coming there would do anything."""
    organisation = _organisation_here(institution)
    if organisation is None:
        return True
    if organisation.pk in user.organisation_ids:
        return _may_verify(organisation)
    return not organisation.removals.filter(user=user).exists()


def _found(actor: Any) -> tuple[RecognisedInstitution, str]:
    """Where joining or renewing does something; else the first, to say why it doesn't."""
    found = institutions_for(actor)
    if not found:
        raise Refused(
            _("You haven't proved an address in the domain of a recognised institution."),
            remedy=_(
                "Add your institution's address under “Sign-in and security” and prove it, "
                "or submit evidence to a verifier."
            ),
        )
    return next((pair for pair in found if _is_of_use(actor, pair[0])), found[0])


def _organisation_here(institution: RecognisedInstitution) -> Organisation | None:
    """Its own; else one that a verifier accepted before under one of its domains."""
    if here := Organisation.objects.filter(institution=institution).first():
        return here
    accepted = verified_organisations().filter(
        kind=Organisation.Kind.ACADEMIC,
        institution=None,
        verifications__state=State.ACCEPTED,
        verifications__identifier_kind=IDENTIFIER_KIND,
        verifications__identifier__in=institution.domains,
    )
    return accepted.order_by("pk").first()


def _organisation_of(actor: Any, institution: RecognisedInstitution) -> Organisation:
    """The one that is here; else a new one without owner."""
    if known := _organisation_here(institution):
        return records.update(
            actor=actor,
            action="organisation_recognise",
            record=known,
            changes={"institution": institution},
        )
    return records.insert(
        actor=actor,
        action="organisation_create",
        record=Organisation(
            name=institution.name,
            kind=Organisation.Kind.ACADEMIC,
            province=institution.province,
            institution=institution,
        ),
        shown=("name", "kind", "province", "institution"),
    )


def _join(actor: Any, organisation: Organisation, institution: RecognisedInstitution) -> bool:
    """Whether `actor` is new there. The focal person manages it, unless somebody does."""
    if organisation.removals.filter(user=actor).exists():
        raise Refused(
            _("You were removed from %(organisation)s.") % {"organisation": organisation},
            remedy=_(
                "Ask an owner to invite you or to let you in again; "
                "where nobody manages it, ask a programme admin."
            ),
        )
    focal = is_focal_person(actor, institution)
    owners = organisation.memberships.filter(role=Membership.Role.OWNER, user__is_active=True)
    role = Membership.Role.OWNER if focal and not owners.exists() else Membership.Role.MEMBER
    _membership, is_new = Membership.objects.get_or_create(
        organisation=organisation, user=actor, defaults={"role": role}
    )
    if is_new:
        actor.__dict__.pop("organisation_ids", None)
        audit.record(
            actor=actor,
            action="institution_join",
            target=organisation,
            after={"member": actor.code, "role": role, "institution": institution.code},
        )
    return is_new


def _may_verify(organisation: Organisation) -> bool:
    """Whether the rule may verify it now: what a verifier took back, only a verifier gives again."""
    if organisation.is_verified or organisation.is_awaiting:
        return False
    decided = organisation.verifications.filter(state__in=[State.ACCEPTED, State.REVOKED])
    latest = decided.order_by("-decided_at", "-pk").first()
    return latest is None or latest.state != State.REVOKED


def _verify(
    actor: Any, organisation: Organisation, institution: RecognisedInstitution, *, domain: str
) -> Verification:
    verification = Verification(
        organisation=organisation,
        identifier_kind=IDENTIFIER_KIND,
        identifier=domain,
        province=organisation.province,
        women_led=organisation.women_led,
        state=State.ACCEPTED,
        rule=Verification.Rule.RECOGNISED_INSTITUTION,
        submitted_by=actor,
        decided_at=clock.now(),
        expires_on=clock.today() + timedelta(days=USUAL_DAYS),
    )
    verification.save(force_insert=True)
    audit.record(
        actor=actor,
        action="verification_by_rule",
        target=verification,
        after=verification.snapshot("organisation", "identifier", "rule", "expires_on")
        | {"institution": institution.code},
    )
    tell(
        users=verifiers_of(organisation),
        kind="verification_by_rule",
        subject=gettext_noop("%(organisation)s was verified by rule"),
        body=gettext_noop(
            "%(person)s proved an address in the domain %(domain)s. Revoke it if something is wrong."
        ),
        params={"organisation": organisation.name, "person": str(actor), "domain": domain},
        url=verification.get_absolute_url(),
    )
    return verification
