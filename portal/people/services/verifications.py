"""Verification: an organisation claims, a verifier who has no part in it decides, until a date."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people import evidence, identifiers
from portal.people.models import Organisation, User, Verification
from portal.people.services._gate import locked, require_reason
from portal.people.services.announce import tell
from portal.people.services.members import owners_of
from portal.people.transitions import VERIFICATION

MOST_DAYS = 3 * 365
USUAL_DAYS = 365


@transaction.atomic
def verification_submit(
    *, actor: Any, organisation: Organisation, identifier_kind: str, identifier: str, upload: Any
) -> Verification:
    """Claim an identity with evidence. One claim is open at a time; a new one may come before the old ends.

    Raises InvalidInput (identifier_kind, identifier, evidence), IllegalState, NotAllowed.
    """
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    if organisation.is_awaiting:
        raise IllegalState(
            _("A verification is open already."), remedy=_("Withdraw it first to submit another.")
        )
    text = identifiers.checked(organisation_kind=organisation.kind, kind=identifier_kind, text=identifier)
    if identifier_kind == "gov" and text not in actor.verified_addresses:
        raise InvalidInput(
            _("You haven't proved that %(address)s is yours.") % {"address": text},
            field="identifier",
            remedy=_(
                "Add and verify the address under “Sign-in and security”, "
                "or let the focal person submit this."
            ),
        )
    extension = evidence.extension_of(upload)
    verification = Verification(
        organisation=organisation, identifier_kind=identifier_kind, identifier=text, submitted_by=actor
    )
    digest = evidence.digest_of(upload)
    verification.evidence.save(f"evidence.{extension}", upload, save=False)
    verification.save(force_insert=True)
    audit.record(
        actor=actor,
        action="verification_submit",
        target=verification,
        after=verification.snapshot("organisation", "identifier_kind", "identifier")
        | {"evidence_sha256": digest},
    )
    tell(
        users=_verifiers(organisation),
        kind="verification_submitted",
        subject=gettext_noop("%(organisation)s asks to be verified"),
        body=gettext_noop("%(organisation)s submitted evidence and awaits a verifier."),
        params={"organisation": organisation.name},
        url=reverse("verification", args=[verification.code]),
    )
    return verification


@transaction.atomic
def verification_withdraw(*, actor: Any, verification: Verification) -> Verification:
    """Take an open claim back. Raises IllegalState, NotAllowed."""
    organisation = locked(verification.organisation)
    require(actor, "people.manage_organisation", organisation)
    return _move(actor, verification, "withdraw", reason="")


@transaction.atomic
def verification_accept(
    *, actor: Any, verification: Verification, expires_on: date, reason: str = ""
) -> Verification:
    """Vouch for the organisation until `expires_on` (included), at most three years ahead.

    Raises InvalidInput, IllegalState, NotAllowed, SecondFactorNeeded.
    """
    _require_verifier(actor, verification)
    today = clock.today()
    if not today < expires_on <= today + timedelta(days=MOST_DAYS):
        raise InvalidInput(
            _("A verification ends on a day between tomorrow and three years from now."),
            field="expires_on",
            remedy=_("One year is usual."),
        )
    decided = _move(actor, verification, "accept", reason=reason.strip(), expires_on=expires_on)
    _tell_owners(
        decided,
        subject=gettext_noop("%(organisation)s is verified"),
        body=gettext_noop("%(organisation)s is verified until %(until)s. It can now ask for GPU-hours."),
        params={"until": expires_on.isoformat()},
    )
    return decided


@transaction.atomic
def verification_refuse(*, actor: Any, verification: Verification, reason: str) -> Verification:
    """Don't vouch; the reason goes to the owners. Raises InvalidInput, IllegalState, NotAllowed."""
    _require_verifier(actor, verification)
    decided = _move(actor, verification, "refuse", reason=require_reason(reason))
    _tell_owners(
        decided,
        subject=gettext_noop("%(organisation)s was not verified"),
        body=gettext_noop("Reason: %(reason)s. Mend it and submit again."),
        params={"reason": decided.reason},
    )
    return decided


@transaction.atomic
def verification_revoke(*, actor: Any, verification: Verification, reason: str) -> Verification:
    """Take a word back before it expires. Raises InvalidInput, IllegalState, NotAllowed."""
    _require_verifier(actor, verification)
    decided = _move(actor, verification, "revoke", reason=require_reason(reason))
    _tell_owners(
        decided,
        subject=gettext_noop("The verification of %(organisation)s was revoked"),
        body=gettext_noop("Reason: %(reason)s. Submit evidence anew to be verified again."),
        params={"reason": decided.reason},
    )
    return decided


def _require_verifier(actor: Any, verification: Verification) -> None:
    # Locked first, so that nobody joins the organisation between the question and the decision.
    locked(verification.organisation)
    require(
        actor,
        "people.verify_organisation",
        verification,
        message=_("Only a verifier who has no part in the organisation may decide this."),
    )
    require_second_factor(actor)


def _move(
    actor: Any, verification: Verification, action: str, *, reason: str, expires_on: date | None = None
) -> Verification:
    row = Verification.objects.select_for_update().get(pk=verification.pk)
    before = row.snapshot("state", "expires_on")
    row.state = VERIFICATION.target(state=row.state, action=action)
    row.reason = reason
    if action != "withdraw":
        row.verifier, row.decided_at = actor, clock.now()
    if expires_on is not None:
        row.expires_on = expires_on
    row.store("state", "reason", "verifier", "decided_at", "expires_on")
    audit.record(
        actor=actor,
        action=f"verification_{action}",
        target=row,
        before=before,
        after=row.snapshot("state", "expires_on"),
        reason=reason,
    )
    return row


def _verifiers(organisation: Organisation) -> list[User]:
    able = User.objects.filter(is_active=True, programme_roles__role__in=["admin", "verifier"]).distinct()
    return list(able.exclude(memberships__organisation=organisation))


def _tell_owners(verification: Verification, *, subject: str, body: str, params: dict[str, str]) -> None:
    organisation = verification.organisation
    tell(
        users=owners_of(organisation),
        kind=f"verification_{verification.state}",
        subject=subject,
        body=body,
        params={"organisation": organisation.name, **params},
        url=organisation.get_absolute_url(),
    )
