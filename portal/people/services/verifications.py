"""Verification: an organisation claims; verifiers who have no part in it decide, until a date.

One verifier does, for an agency two. A rule decides for some universities: `recognition.py`.
"""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people import evidence, identifiers
from portal.people.models import Organisation, User, Verification, VerificationWord
from portal.people.policies import VERIFIERS, seat_of
from portal.people.selectors import words_that_count
from portal.people.services._gate import locked, require_reason
from portal.people.services.announce import tell
from portal.people.services.members import answering_for
from portal.people.transitions import VERIFICATION

MOST_DAYS = 3 * 365
USUAL_DAYS = 365


@transaction.atomic
def verification_submit(
    *,
    actor: Any,
    organisation: Organisation,
    identifier_kind: str,
    identifier: str,
    upload: Any,
    province: str | None = None,
    women_led: bool | None = None,
) -> Verification:
    """Claim an identity with evidence. One claim is open at a time; a new one may come before the old ends.

    `province` and `women_led` (None: as the organisation says now) are verified with it, and become the
    organisation's once it is accepted. Raises InvalidInput (identifier_kind, identifier, province, evidence),
    IllegalState, NotAllowed.
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
        organisation=organisation,
        identifier_kind=identifier_kind,
        identifier=text,
        province=_checked_province(organisation.province if province is None else province),
        women_led=organisation.women_led if women_led is None else women_led,
        submitted_by=actor,
    )
    digest = evidence.digest_of(upload)
    verification.evidence.save(f"evidence.{extension}", upload, save=False)
    verification.save(force_insert=True)
    audit.record(
        actor=actor,
        action="verification_submit",
        target=verification,
        after=verification.snapshot("organisation", "identifier_kind", "identifier", "province", "women_led")
        | {"evidence_sha256": digest},
    )
    tell(
        users=verifiers_of(organisation),
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
    *,
    actor: Any,
    verification: Verification,
    expires_on: date,
    reason: str = "",
    women_led: bool = False,
) -> Verification:
    """Vouch for the organisation until `expires_on` (included), at most three years ahead.

    The last word that the class needs accepts the claim, until the earliest day that was named; a word before
    it leaves the claim pending. `women_led` says that the evidence shows this too; it counts where everybody
    says so. Raises InvalidInput, IllegalState, NotAllowed, SecondFactorNeeded.
    """
    seat = _require_verifier(actor, verification)
    today = clock.today()
    if not today < expires_on <= today + timedelta(days=MOST_DAYS):
        raise InvalidInput(
            _("A verification ends on a day between tomorrow and three years from now."),
            field="expires_on",
            remedy=_("One year is usual."),
        )
    row = Verification.objects.select_for_update().get(pk=verification.pk)
    VERIFICATION.target(state=row.state, action="accept")
    if women_led and not row.women_led:
        raise InvalidInput(
            _("The organisation doesn't claim to be women-led."),
            field="women_led",
            remedy=_("Leave this empty."),
        )
    words = _speak(actor, seat, row, expires_on=expires_on, women_led=women_led, remark=reason.strip())
    if len(words) < row.words_needed:
        _tell_other_verifiers(row)
        return row
    return _accept(actor, row, words, reason.strip())


def _speak(
    actor: Any, seat: User, row: Verification, *, expires_on: date, women_led: bool, remark: str
) -> list[VerificationWord]:
    """Add a word and return all that count."""
    if row.words.filter(Q(verifier__in=[actor, seat]) | Q(seat__in=[actor, seat])).exists():
        raise IllegalState(
            _("You have vouched for this already, or somebody has in the same seat."),
            remedy=_("The second word must be another verifier's."),
        )
    word = VerificationWord.objects.create(
        verification=row,
        verifier=actor,
        seat=seat,
        expires_on=expires_on,
        women_led=women_led,
        remark=remark,
    )
    audit.record(
        actor=actor,
        action="verification_vouch",
        target=row,
        after=word.snapshot("expires_on", "women_led", "seat"),
        reason=remark,
    )
    return list(words_that_count(row))


def _accept(actor: Any, row: Verification, words: list[VerificationWord], reason: str) -> Verification:
    decided = _move(
        actor,
        row,
        "accept",
        reason=reason,
        expires_on=min(word.expires_on for word in words),
        women_led_confirmed=row.women_led and all(word.women_led for word in words),
    )
    take_over_facts(decided)
    tell_accepted(decided)
    return decided


def take_over_facts(verification: Verification) -> None:
    """What was verified is what the organisation is from now on."""
    organisation = verification.organisation
    organisation.province = verification.province or organisation.province
    organisation.women_led = verification.women_led
    organisation.store("province", "women_led")


def tell_accepted(verification: Verification) -> None:
    """Tell the owners until when they are verified."""
    until = str(verification.expires_on)
    _tell_owners(
        verification,
        subject=gettext_noop("%(organisation)s is verified"),
        body=gettext_noop("%(organisation)s is verified until %(until)s. It can now ask for GPU-hours."),
        params={"until": until},
    )


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


def _require_verifier(actor: Any, verification: Verification) -> User:
    """In whose seat `actor` decides. Raises NotAllowed, SecondFactorNeeded."""
    # Locked first, so that nobody joins the organisation between the question and the decision.
    locked(verification.organisation)
    require(
        actor,
        "people.verify_organisation",
        verification,
        message=_("Only a verifier who has no part in the organisation may decide this."),
    )
    require_second_factor(actor)
    return seat_of(actor, VERIFIERS) or actor


def _move(actor: Any, verification: Verification, action: str, *, reason: str, **facts: Any) -> Verification:
    row = Verification.objects.select_for_update().get(pk=verification.pk)
    shown = ("state", "expires_on", "women_led_confirmed")
    before = row.snapshot(*shown)
    row.state = VERIFICATION.target(state=row.state, action=action)
    row.reason = reason
    if action != "withdraw":
        row.verifier, row.decided_at = actor, clock.now()
    for field, value in facts.items():
        setattr(row, field, value)
    row.store("state", "reason", "verifier", "decided_at", *facts)
    audit.record(
        actor=actor,
        action=f"verification_{action}",
        target=row,
        before=before,
        after=row.snapshot(*shown),
        reason=reason,
    )
    return row


def _checked_province(province: str) -> str:
    if province not in Organisation.Province.values:
        raise InvalidInput(
            _("There is no such province."), field="province", remedy=_("Choose one from the list.")
        )
    return province


def verifiers_of(organisation: Organisation) -> list[User]:
    """Who could verify it: verifiers and admins who don't belong to it."""
    able = User.objects.filter(is_active=True, programme_roles__role__in=VERIFIERS).distinct()
    return list(able.exclude(memberships__organisation=organisation))


def _tell_other_verifiers(row: Verification) -> None:
    spoke = set(row.words.values_list("seat_id", flat=True))
    tell(
        users=[user for user in verifiers_of(row.organisation) if user.pk not in spoke],
        kind="verification_second_word",
        subject=gettext_noop("%(organisation)s needs a second verifier"),
        body=gettext_noop("One verifier vouched for %(organisation)s. An agency needs two: look at it too."),
        params={"organisation": row.organisation.name},
        url=row.get_absolute_url(),
    )


def _tell_owners(verification: Verification, *, subject: str, body: str, params: dict[str, str]) -> None:
    organisation = verification.organisation
    tell(
        users=answering_for(organisation, verification.submitted_by),
        kind=f"verification_{verification.state}",
        subject=subject,
        body=body,
        params={"organisation": organisation.name, **params},
        url=organisation.get_absolute_url(),
    )
