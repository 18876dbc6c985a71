"""Terms of acceptable use: a new version, and saying yes."""

from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotVisible
from portal.foundation.services import audit, records
from portal.people.models import Consent, TermsVersion
from portal.people.selectors import has_consented, terms_in_force
from portal.people.services._gate import require_admin

__all__ = ["consent_give", "has_consented", "terms_publish"]

KIND = TermsVersion.Kind.ACCEPTABLE_USE


@transaction.atomic
def terms_publish(*, actor: Any, text_en: str, text_ur: str, in_force_from: date) -> TermsVersion:
    """Write the next version, in force from a day that isn't over; everybody is asked anew from then on.

    Raises InvalidInput (text_en, text_ur, in_force_from), NotAllowed, SecondFactorNeeded.
    """
    require_admin(actor)
    if in_force_from < clock.today():
        raise InvalidInput(
            _("This day is over: nobody could have read these terms by then."),
            field="in_force_from",
            remedy=_("Choose today or a later day."),
        )
    if len(text_en.split("\n")) != len(text_ur.split("\n")):
        raise InvalidInput(
            _("The two texts have different numbers of clauses."),
            field="text_ur",
            remedy=_("Write one clause a line, the same ones in both languages."),
        )
    with connection.cursor() as cursor:  # numbers are given out one at a time
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('terms'))")
    latest = TermsVersion.objects.filter(kind=KIND).aggregate(latest=Max("number"))["latest"] or 0
    return records.insert(
        actor=actor,
        action="terms_publish",
        record=TermsVersion(
            kind=KIND, number=latest + 1, text_en=text_en, text_ur=text_ur, in_force_from=in_force_from
        ),
        shown=("kind", "number", "text_en", "text_ur", "in_force_from"),
    )


@transaction.atomic
def consent_give(actor: Any) -> Consent:
    """Say yes to the terms in force; saying it again changes nothing. NotVisible where there are none."""
    terms = terms_in_force()
    if terms is None:
        raise NotVisible(_("No terms are in force."))
    consent, is_new = Consent.objects.get_or_create(user=actor, terms=terms)
    if is_new:
        audit.record(actor=actor, action="consent_give", target=terms, after={"number": terms.number})
    return consent
