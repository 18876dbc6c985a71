"""Checks that several services begin with."""

from typing import Any

from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.text import fold_line
from portal.people.models import Organisation


def require_admin(actor: Any) -> None:
    """Raises NotAllowed, SecondFactorNeeded."""
    require(actor, "people.administer")
    require_second_factor(actor)


def require_reason(reason: str) -> str:
    """The reason, trimmed. Raises InvalidInput where there is none."""
    if not reason.strip():
        raise InvalidInput(
            _("Give a reason."), field="reason", remedy=_("It is kept, and shown to those whom it concerns.")
        )
    return reason.strip()


def require_line(text: str, *, field: str) -> str:
    """A line of text, folded. Raises InvalidInput where nothing is left."""
    if not (line := fold_line(text)):
        raise InvalidInput(_("Fill this in."), field=field)
    return line


def locked(organisation: Organisation) -> Organisation:
    """The organisation, held until the transaction ends: who belongs to it changes one at a time."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)
