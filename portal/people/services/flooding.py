"""No mail box is flooded with invitations, whoever sends them and however often they are taken back."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.foundation import clock
from portal.foundation.errors import Refused
from portal.foundation.models import AuditRow

DAY = timedelta(days=1)
MOST_TO_ONE = 5
MOST_FROM_ONE = 100


def check_flooding(*, to: QuerySet[Any], by: QuerySet[Any], actions: set[str]) -> None:
    """Whether one more may be sent today. Raises Refused.

    `to`: the invitations to the address, of whatever state and whoever sent them; `by`: those of the
    organisation or project that invites. `actions` are those of the audit that stand for a mail.
    """
    if _sent(to, actions) >= MOST_TO_ONE:
        raise Refused(
            _("%(count)s invitations went to this address within a day, which is the most.")
            % {"count": MOST_TO_ONE},
            remedy=_("Wait until tomorrow before you invite it again."),
        )
    if _sent(by, actions) >= MOST_FROM_ONE:
        raise Refused(
            _("You have sent %(count)s invitations within a day, which is the most.")
            % {"count": MOST_FROM_ONE},
            remedy=_("Wait until tomorrow before you send more."),
        )


def _sent(invitations: QuerySet[Any], actions: set[str]) -> int:
    since = clock.now() - DAY
    codes = invitations.filter(updated_at__gte=since).order_by().values("code")
    return AuditRow.objects.filter(
        object_type=invitations.model._meta.model_name,
        object_code__in=codes,
        action__in=actions,
        at__gte=since,
    ).count()
