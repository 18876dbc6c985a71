"""API tokens: made, shown once, revoked."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotAllowed, Refused
from portal.foundation.services import audit
from portal.people.models import ApiToken, User

LONGEST_DAYS = 365
MOST_TOKENS = 20


@transaction.atomic
def token_create(*, actor: Any, name: str, days: int, until: datetime | None = None) -> tuple[ApiToken, str]:
    """Make a token for `actor` that lives `days` (1 to 365). Returns the row and the token itself.

    The token can't be shown again: only its hash is kept. `until` is the end of the token that asks for
    another one, which can't outlive it. Raises InvalidInput, Refused.
    """
    User.objects.select_for_update().get(pk=actor.pk)
    own = ApiToken.objects.filter(user=actor, expiry__gt=clock.now())
    name = " ".join(name.split())
    _check(name, days)
    if own.filter(name__iexact=name).exists():
        raise InvalidInput(
            _("You already have a token of this name."),
            field="name",
            remedy=_("Choose another name, or revoke the old token first."),
        )
    if own.count() >= MOST_TOKENS:
        raise Refused(
            _("You have %(count)s tokens, which is the most.") % {"count": MOST_TOKENS},
            remedy=_("Revoke one that you no longer use."),
        )
    if until is not None and clock.now() + timedelta(days=days) > until:
        raise InvalidInput(
            _("A token can't outlive the one that makes it."),
            field="days",
            remedy=_("Ask for fewer days, or make it on the page “API tokens”."),
        )
    row, secret = ApiToken.objects.create(user=actor, name=name, expiry=timedelta(days=days))
    audit.record(
        actor=actor,
        action="token_create",
        target=row,
        after={"name": name, "expiry": row.expiry.isoformat()},
    )
    return row, secret


@transaction.atomic
def token_revoke(*, actor: Any, token: ApiToken) -> None:
    """End a token of one's own at once. Raises NotAllowed for anybody else's."""
    if token.user_id != actor.pk:
        raise NotAllowed
    audit.record(actor=actor, action="token_revoke", target=token, before={"name": token.name})
    token.delete()


def _check(name: str, days: int) -> None:
    if not name:
        raise InvalidInput(
            _("Name the token."), field="name", remedy=_("For example after the program that will use it.")
        )
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(
            _("A token lives 1 to %(most)s days.") % {"most": LONGEST_DAYS},
            field="days",
            remedy=_("Enter a number of days in this range."),
        )
