"""Verified by rule: who proves an address in a recognised institution's domain needs no verifier.

The organisation becomes the institution, its name and province as listed: else an address would vouch for a
name that somebody made up.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import Organisation, RecognisedInstitution, User, Verification
from portal.people.selectors import institution_for, verified_organisations
from portal.people.services._gate import locked
from portal.people.services.announce import tell
from portal.people.services.verifications import USUAL_DAYS, tell_accepted, verifiers_of

IDENTIFIER_KIND = "hec"


@transaction.atomic
def verification_by_rule(*, actor: Any, organisation: Organisation) -> Verification:
    """Verify an academic organisation for a year because its owner has an address in a listed domain.

    Being women-led is never confirmed by rule. Raises IllegalState (not academic, verified, awaiting),
    Refused (no such address; another organisation is this institution already), NotAllowed.
    """
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    _require_open(organisation)
    institution, address = _found(actor)
    domain = address.rpartition("@")[2]
    _require_only_one(organisation, institution)
    _become(actor, organisation, institution)
    verification = Verification(
        organisation=organisation,
        identifier_kind=IDENTIFIER_KIND,
        identifier=domain,
        province=institution.province,
        women_led=organisation.women_led,
        state=Verification.State.ACCEPTED,
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
    tell_accepted(verification)
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


def rule_offer(user: User, organisation: Organisation) -> RecognisedInstitution | None:
    """The institution as which `user` could have `organisation` verified at once."""
    if (
        organisation.kind != Organisation.Kind.ACADEMIC
        or organisation.is_verified
        or organisation.is_awaiting
    ):
        return None
    found = institution_for(user)
    return found[0] if found and not _others_as(organisation, found[0]).exists() else None


def _require_open(organisation: Organisation) -> None:
    if organisation.kind != Organisation.Kind.ACADEMIC:
        raise IllegalState(
            _("Only an academic organisation is verified by its domain."),
            remedy=_("Submit your registration and evidence instead."),
        )
    if organisation.is_verified:
        raise IllegalState(_("This organisation is verified already."))
    if organisation.is_awaiting:
        raise IllegalState(
            _("A verification is open already."), remedy=_("Withdraw it first, then try again.")
        )


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


def _require_only_one(organisation: Organisation, institution: RecognisedInstitution) -> None:
    # One at a time: two owners of the same institution may come at the same moment.
    RecognisedInstitution.objects.select_for_update().get(pk=institution.pk)
    if _others_as(organisation, institution).exists():
        raise Refused(
            _("%(institution)s is here already.") % {"institution": institution},
            remedy=_("Ask one of its owners to invite you; or submit evidence to a verifier."),
        )


def _others_as(organisation: Organisation, institution: RecognisedInstitution) -> Any:
    """Other verified organisations that are this institution, by its name or one of its domains."""
    verified = verified_organisations().exclude(pk=organisation.pk)
    by_domain = verified.filter(
        verifications__state=Verification.State.ACCEPTED,
        verifications__identifier_kind=IDENTIFIER_KIND,
        verifications__identifier__in=institution.domains,
    )
    return (by_domain | verified.filter(name__iexact=institution.name)).distinct()


def _become(actor: Any, organisation: Organisation, institution: RecognisedInstitution) -> None:
    before = organisation.snapshot("name", "province")
    organisation.name, organisation.province = institution.name, institution.province
    after = organisation.snapshot("name", "province")
    if after != before:
        organisation.store("name", "province")
        audit.record(
            actor=actor, action="organisation_update", target=organisation, before=before, after=after
        )
