"""Proposing the logins of many people at once, from a table of e-mail addresses and logins."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Site
from portal.foundation.errors import DomainError, InvalidInput
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
    for number, email, login in _rows(table):
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


def _rows(table: str) -> Iterator[tuple[int, str, str]]:
    """Row number, e-mail address and login of each row that isn't empty."""
    lines = _lines(table)
    header = [name.strip().lower() for name in lines[0]] if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise InvalidInput(
            _("The first row must name the columns; “%(columns)s” is missing.")
            % {"columns": ", ".join(missing)},
            field="table",
            remedy=_("Begin with: email,login"),
        )
    if len(lines) > MOST_ROWS + 1:
        raise InvalidInput(
            _("These are more than %(most)d rows.") % {"most": MOST_ROWS},
            field="table",
            remedy=_("Send them in several parts."),
        )
    email, login = (header.index(name) for name in COLUMNS)
    for number, line in enumerate(lines[1:], start=2):
        if any(cell.strip() for cell in line):
            padded = [*line, "", ""]
            yield number, padded[email].strip(), padded[login].strip()


def _lines(table: str) -> list[list[str]]:
    if "\0" in table:  # as UTF-16 has many
        raise InvalidInput(
            _("This isn't text in UTF-8."), field="table", remedy=_("Save the table as CSV in UTF-8.")
        )
    try:
        return list(csv.reader(io.StringIO(table.lstrip("\ufeff"), newline="")))
    except csv.Error as error:
        raise InvalidInput(
            _("This isn't a table of comma-separated values: %s.") % error,
            field="table",
            remedy=_("Export it as CSV."),
        ) from error
