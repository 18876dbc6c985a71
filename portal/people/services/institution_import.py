"""The allow-list from a table: first what would change, then the change, all of it or nothing."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation import tables
from portal.foundation.errors import DomainError, InvalidInput
from portal.foundation.services import records
from portal.foundation.text import fold_line
from portal.people.models import Organisation, RecognisedInstitution
from portal.people.services._gate import require_admin
from portal.people.services.institutions import SHOWN, checked, checked_focal, hold_list, pass_on

COLUMNS = ("name", "domains", "province", "source")
# Left empty, an entry keeps what it has.
OPTIONAL = ("active", "focal_email")
MOST_ROWS = 2000
ANSWERS = {"": None, "yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row; `row` counts as a spreadsheet does, the header being row 1."""

    row: int
    field: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Change:
    """One row that would do something: `was` is None for a new institution, else the fields that differ."""

    row: int
    name: str
    fields: dict[str, Any]
    was: dict[str, Any] | None
    institution: RecognisedInstitution | None = None

    @property
    def now(self) -> dict[str, Any]:
        """What the fields that differ become; of a new institution all."""
        return self.fields if self.was is None else {key: self.fields[key] for key in self.was}

    @property
    def cells(self) -> list[tuple[str, str, str]]:
        """Column, what it says and what it will say, for a page to show."""
        was = self.was or {}
        return [(key, _shown(was.get(key, "—")), _shown(value)) for key, value in self.now.items()]


@dataclass
class Plan:
    """What a table comes to. Institutions that it doesn't name stay as they are."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def added(self) -> list[Change]:
        return [change for change in self.changes if change.was is None]

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.was is not None]


def institutions_plan(*, actor: Any, table: str) -> Plan:
    """What importing `table` would change; nothing is changed.

    Raises NotAllowed, SecondFactorNeeded, and InvalidInput (field `table`) where it is no such table at all.
    """
    require_admin(actor)
    return _plan(table)


@transaction.atomic
def institutions_import(*, actor: Any, table: str) -> Plan:
    """Apply `table`; a second time it changes nothing. Raises as `institutions_plan`, and InvalidInput
    (field `table`, the faults among its figures) while any row is wrong: then nothing is applied."""
    require_admin(actor)
    hold_list()
    plan = _plan(table)
    if plan.faults:
        raise InvalidInput(
            _("Nothing was imported: %(count)s rows are wrong.") % {"count": len(plan.faults)},
            field="table",
            remedy=_("Mend them in the table and send it again."),
            figures={"faults": [vars(fault) for fault in plan.faults]},
        )
    for change in plan.changes:
        if change.institution is None:
            record = RecognisedInstitution(**change.fields)
            records.insert(actor=actor, action="institution_add", record=record, shown=SHOWN)
        else:
            changed = records.update(
                actor=actor, action="institution_update", record=change.institution, changes=change.fields
            )
            pass_on(actor, changed)
    return plan


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _plan(table: str) -> Plan:
    plan = Plan()
    rows = list(tables.rows(table, columns=COLUMNS, optional=OPTIONAL, most=MOST_ROWS))
    known = {_key(row.name): row for row in RecognisedInstitution.objects.all()}
    # Of institutions that the table doesn't name; the others may pass a domain on.
    others = known.keys() - {_key(cells["name"]) for _number, cells in rows}
    owners = {domain: key for key in others for domain in known[key].domains}
    seen: dict[str, int] = {}
    for number, cells in rows:
        try:
            fields = _fields(cells)
            key = _key(fields["name"])
            _require_once(seen, key, number)
            _require_own_domains(owners, key, fields["domains"])
        except DomainError as error:
            plan.faults.append(Fault(number, error.field or "", str(error.message), str(error.remedy)))
            continue
        owners |= dict.fromkeys(fields["domains"], key)
        _compare(plan, number, fields, known.get(key))
    return plan


def _compare(
    plan: Plan, number: int, fields: dict[str, Any], institution: RecognisedInstitution | None
) -> None:
    if institution is None:
        plan.changes.append(Change(number, fields["name"], fields, None))
        return
    was = {key: getattr(institution, key) for key in fields if getattr(institution, key) != fields[key]}
    if was:
        plan.changes.append(Change(number, fields["name"], fields, was, institution))
    else:
        plan.unchanged += 1


def _fields(cells: dict[str, str]) -> dict[str, Any]:
    answer = cells["active"].lower()
    if answer not in ANSWERS:
        raise InvalidInput(
            _("“%(text)s” is neither yes nor no.") % {"text": cells["active"]},
            field="active",
            remedy=_("Write yes or no, or leave it empty."),
        )
    fields = checked(
        name=cells["name"],
        domains=cells["domains"].replace(";", " ").split(),
        province=_province(cells["province"]),
        source=cells["source"],
    )
    for name, most in (("name", 200), ("source", 300)):
        if len(fields[name]) > most:
            raise InvalidInput(
                _("This has more than %(most)s characters.") % {"most": most},
                field=name,
                remedy=_("Write it shorter."),
            )
    if focal := checked_focal(cells["focal_email"], fields["domains"]):
        fields["focal_email"] = focal
    return fields if ANSWERS[answer] is None else fields | {"is_active": ANSWERS[answer]}


def _province(text: str) -> str:
    """The code of a province that is written as its code or its name."""
    folded = text.strip().lower()
    names = {str(label).lower(): code for code, label in Organisation.Province.choices}
    return str(names.get(folded, folded))


def _require_once(seen: dict[str, int], key: str, number: int) -> None:
    if key in seen:
        raise InvalidInput(
            _("This institution stands in row %(row)s already.") % {"row": seen[key]},
            field="name",
            remedy=_("Keep one of the two rows, with all its domains."),
        )
    seen[key] = number


def _require_own_domains(owners: dict[str, str], key: str, domains: list[str]) -> None:
    for domain in domains:
        if owners.get(domain, key) != key:
            raise InvalidInput(
                _("%(domain)s belongs to another institution already.") % {"domain": domain},
                field="domains",
                remedy=_("A domain stands for one institution: take it away there first."),
            )


def _key(name: str) -> str:
    return fold_line(name).lower()
