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
from portal.people.selectors import institution_for, is_focal_person, verified_organisations
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
    is no such address, IllegalState for a member where nothing is to be done.
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
    found = institution_for(user)
    if found is None:
        return None
    organisation = Organisation.objects.filter(institution=found[0]).first()
    if organisation and organisation.pk in user.organisation_ids and not _may_verify(organisation):
        return None
    return found[0]


def _found(actor: Any) -> tuple[RecognisedInstitution, str]:
    found = institution_for(actor)
    if found is None:
        raise Refused(
            _("You haven't proved an address in the domain of a recognised institution."),
            remedy=_(
                "Add your institution's address under “Sign-in and security” and prove it, "
                "or submit evidence to a verifier."
            ),
        )
    return found


def _organisation_of(actor: Any, institution: RecognisedInstitution) -> Organisation:
    """The one that is here, also where a verifier had accepted it before; else a new one without owner."""
    if here := Organisation.objects.filter(institution=institution).first():
        return here
    accepted = verified_organisations().filter(
        kind=Organisation.Kind.ACADEMIC,
        institution=None,
        verifications__state=State.ACCEPTED,
        verifications__identifier_kind=IDENTIFIER_KIND,
        verifications__identifier__in=institution.domains,
    )
    if known := accepted.order_by("pk").first():
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
