"""Proposing the logins of many people at once, from a table of e-mail addresses and logins."""

from dataclasses import dataclass, field

from django.db import transaction

from datacenters.models import Site
from portal.foundation import tables
from portal.foundation.errors import DomainError
from portal.foundation.policies import require, require_second_factor
from portal.people.models import User
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites.logins import login_propose
from scheduler_bridge.sites.selectors import person_at
from scheduler_bridge.transitions import LoginState

COLUMNS = ("email", "login")
MOST_ROWS = 1000


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row; `row` counts as a spreadsheet does, the header being row 1."""

    row: int
    column: str
    message: str


@dataclass
class Import:
    """How many were proposed now and how many were known; each other row with its fault."""

    proposed: int = 0
    known: int = 0
    faults: list[Fault] = field(default_factory=list)


def logins_import(*, actor: User, site: Site, table: str) -> Import:
    """Propose each row's login to its person; a wrong row keeps no other from being proposed.

    Sending the same table again changes nothing. Raises NotAllowed, SecondFactorNeeded, and InvalidInput
    (field `table`) where it isn't such a table at all.
    """
    require(actor, "datacenters.manage_site", site)
    require_second_factor(actor)
    done = Import()
    for number, cells in tables.rows(table, columns=COLUMNS, most=MOST_ROWS):
        email, login = cells["email"], cells["login"]
        try:
            with transaction.atomic():
                user = person_at(email)
                if _is_known(user, site, login):
                    done.known += 1
                else:
                    login_propose(actor=actor, user=user, site=site, login=login)
                    done.proposed += 1
        except DomainError as error:
            done.faults.append(Fault(number, error.field or "", error.text))
    return done


def _is_known(user: User, site: Site, login: str) -> bool:
    live = [LoginState.PROPOSED, LoginState.CONFIRMED]
    return SiteLogin.objects.filter(user=user, site=site, login=login, state__in=live).exists()
