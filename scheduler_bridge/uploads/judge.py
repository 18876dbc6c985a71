"""What an uploaded table means beside what the portal knows: new, changed, known or wrong, row by row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from datacenters.models import Site
from portal.foundation import clock
from portal.people.models import User
from scheduler_bridge.models import SiteLogin, UploadedRun
from scheduler_bridge.transitions import LoginState
from scheduler_bridge.uploads.selectors import people_of
from scheduler_bridge.uploads.table import Fault, Row, read

LOGIN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True)
class Entry:
    """A row that can be charged. `user` is None where the login is linked to nobody; `kept` is the run as it
    was charged before."""

    told: Row
    allocation: Allocation
    user: User | None
    login: str
    kept: UploadedRun | None = None

    @property
    def difference(self) -> int:
        """What it changes in the ledger, in GPU-seconds."""
        return self.told.gpu_seconds - (self.kept.gpu_seconds if self.kept else 0)


@dataclass
class Verdict:
    new: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    known: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How many rows have faults; one may have several."""
        return len({fault.row for fault in self.faults})

    @property
    def good(self) -> int:
        return len(self.new) + len(self.changed) + len(self.known)

    @property
    def gpu_seconds(self) -> int:
        """What accepting it changes in the ledger."""
        return sum(entry.difference for entry in (*self.new, *self.changed))

    @property
    def mark(self) -> str:
        """Names this verdict: what was looked at is what is accepted."""
        return f"{len(self.new)}-{len(self.changed)}-{len(self.known)}-{self.wrong}-{self.gpu_seconds}"


def judge(site: Site, content: bytes) -> Verdict:
    """Read the table and hold it against the site's allocations, people and earlier runs.

    The number of queries doesn't depend on the number of rows. Raises InvalidInput (field `content`) where it
    isn't such a table at all.
    """
    rows, faults = read(content)
    known = Known(site, rows)
    verdict = Verdict(faults=faults)
    for row in rows:
        if found := list(known.faults(row)):
            verdict.faults += found
            continue
        entry = known.entry(row)
        if entry.kept is None:
            verdict.new.append(entry)
        elif (entry.kept.gpus, entry.kept.ended_at) == (row.gpus, row.ended_at):
            verdict.known.append(entry)
        else:
            verdict.changed.append(entry)
    verdict.faults.sort(key=lambda fault: fault.row)
    return verdict


class Known:
    """What the portal knows of all that the rows name."""

    def __init__(self, site: Site, rows: list[Row]) -> None:
        people = {row.person.lower() for row in rows}
        allocations = Allocation.objects.filter(resource__site=site).select_related("resource", "project")
        by_code = allocations.filter(code__in={row.allocation for row in rows})
        self.allocations = {allocation.code: allocation for allocation in by_code}
        by_email = people_of(site).annotate(lowered=Lower("email")).filter(lowered__in=people)
        self.people = {user.email.lower(): user for user in by_email}
        links = SiteLogin.objects.filter(site=site, state=LoginState.CONFIRMED).select_related("user")
        self.users = {link.login: link.user for link in links.filter(login__in={row.person for row in rows})}
        owners = links.filter(user__in=self.people.values())
        self.logins = {link.user_id: link.login for link in owners}
        runs = UploadedRun.objects.filter(site=site, run_id__in={row.run_id for row in rows})
        self.runs = {run.run_id: run for run in runs.select_related("allocation")}

    def entry(self, row: Row) -> Entry:
        user = self.people.get(row.person.lower()) if "@" in row.person else self.users.get(row.person)
        login = (self.logins.get(user.pk, "") if user else "") if "@" in row.person else row.person
        return Entry(row, self.allocations[row.allocation], user, login, self.runs.get(row.run_id))

    def faults(self, row: Row) -> Iterator[Fault]:
        for column, message, remedy in (
            *self._of_allocation(row),
            *self._of_person(row),
            *self._of_time(row),
            *self._of_kept(row),
        ):
            yield Fault(row.row, row.run_id, column, message, remedy)

    def _of_allocation(self, row: Row) -> Iterator[tuple[str, str, str]]:
        allocation = self.allocations.get(row.allocation)
        if allocation is None:
            # Whether another site has it isn't this one's business.
            yield (
                "allocation",
                _("There is no allocation “%s” at this site.") % row.allocation[:40],
                _("Take the code from the award, such as alc-7f3k9q2m1x."),
            )
            return
        if clock.day_of(row.started_at) < allocation.starts_on:
            yield (
                "started_at",
                _("The allocation starts on %s only.") % allocation.starts_on,
                _("Charge the run to the allocation in force then, or leave it out."),
            )
        most = allocation.resource.gpu_count
        if row.gpus > most:
            yield (
                "gpus",
                _("%(gpus)s GPUs are more than the resource has: %(most)s.")
                % {"gpus": row.gpus, "most": most},
                _("Check the number, or the allocation."),
            )

    def _of_person(self, row: Row) -> Iterator[tuple[str, str, str]]:
        if "@" in row.person:
            if row.person.lower() not in self.people:
                yield (
                    "person",
                    _("Nobody with the address “%s” has a project or a login at this site.")
                    % row.person[:60],
                    _("Check the spelling, or write the login."),
                )
        elif not LOGIN.fullmatch(row.person):
            yield "person", _("“%s” is no login.") % row.person[:60], _("Write a login or an e-mail address.")

    def _of_time(self, row: Row) -> Iterator[tuple[str, str, str]]:
        if row.ended_at > clock.now():
            yield (
                "ended_at",
                _("This moment is still to come."),
                _("Upload a run once it has ended; moments are UTC."),
            )

    def _of_kept(self, row: Row) -> Iterator[tuple[str, str, str]]:
        """A run that was charged may turn out longer or larger, but not as another's or another time's."""
        kept = self.runs.get(row.run_id)
        if kept is None:
            return
        before = {
            "allocation": kept.allocation.code,
            "person": kept.person,
            "started_at": kept.started_at,
            "state": kept.state,
        }
        for column, was in before.items():
            if getattr(row, column) != was:
                shown = was if isinstance(was, str) else f"{was:%Y-%m-%dT%H:%M:%SZ}"
                yield (
                    column,
                    _("This run was accepted with “%s” here.") % shown,
                    _("Only its end and its GPUs can be corrected: give another run another name."),
                )
