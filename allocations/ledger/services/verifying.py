"""The nightly look over the whole ledger."""

import logging

from django.db import transaction
from django.utils.translation import gettext_noop

from allocations.ledger.verification import first_discrepancy
from portal.notices.services.notices import notify
from portal.people.models import ProgrammeRole, User

log = logging.getLogger(__name__)


@transaction.atomic
def ledger_verify() -> str:
    """Recompute every balance; tell the programme's admins of the first thing that doesn't agree.

    Returns what that is, empty where all is well.
    """
    found = first_discrepancy()
    if found is None:
        return ""
    log.error("The ledger doesn't agree: %s", found)
    notify(
        users=User.objects.filter(programme_roles__role=ProgrammeRole.Role.ADMIN),
        kind="ledger_disagrees",
        subject=gettext_noop("The ledger doesn't agree with itself"),
        body=gettext_noop(
            "Found last night: %(found)s. Award nothing further until operators have run "
            "“manage.py ledger_verify” and looked into it."
        ),
        params={"found": str(found)},
    )
    return str(found)
