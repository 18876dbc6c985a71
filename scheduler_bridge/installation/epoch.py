"""Is this database the one that this environment last worked with? A restored backup or a clone isn't.

The environment keeps a file outside the database (setting EPOCH_FILE): which installation and epoch it is in,
and how far the database had come when it was last seen, in attempts to send jobs and in audit rows. The
attempts are noted *before* they are sent. So a database that is behind the file has forgotten something that
the clusters may have, and would send it again. ADR 0008 tells why it is done so.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _

from portal.foundation.models import AuditRow
from scheduler_bridge.models import DispatchAttempt, Installation


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment's file says. `attempt` and `audit` are row numbers of the database.

    `held`: it was found to be ahead of the database, and stays so whatever is written there afterwards.
    """

    installation: str
    epoch: str
    attempt: int = 0
    audit: int = 0
    held: bool = False


class EpochError(Exception):
    """The environment's file can't be read or written; the text says what to do."""


def begin() -> bool:
    """On the very first start: give a new database and its environment their first epoch.

    Does nothing, and returns False, where either has one: then they must fit, or be made to.
    """
    if settings.EPOCH_FILE is None or Installation.objects.exists() or read() is not None:
        return False
    renew()
    return True


def renew() -> None:
    """Start a new epoch in the database and then in the environment's file. Raises EpochError.

    In this order: between the two they don't fit, so nothing is sent.
    """
    epoch = secrets.token_hex(16)
    row = Installation.objects.first() or Installation()
    row.name, row.epoch = settings.INSTALLATION, epoch
    row.save()
    with _locked() as path:
        _write(path, _reached(Mark(installation=row.name, epoch=epoch)))


def problem() -> str:
    """Why this database may act on no cluster, in plain words; empty where it may."""
    if settings.EPOCH_FILE is None:  # tests alone
        return ""
    try:
        mark = read()
    except EpochError as error:
        return str(error)
    row = Installation.objects.first()
    if row is None and mark is None:
        return _("This installation was never started: run “manage.py installation_begin”.")
    if row is not None and row.name != settings.INSTALLATION:
        return _("The database belongs to installation “%(theirs)s”, this environment is “%(ours)s”.") % {
            "theirs": row.name,
            "ours": settings.INSTALLATION,
        }
    if mark is None:
        return _("This environment has never worked with this database: its epoch file is missing.")
    if row is None or (row.name, row.epoch) != (mark.installation, mark.epoch):
        return _("The database isn't the one that this environment worked with: it is a copy, or a backup.")
    if mark.held or _is_behind(mark):
        _hold(mark)
        return _("The database has forgotten what this environment has done since: it is a restored backup.")
    return ""


def advance(*, attempt: int = 0) -> None:
    """Note how far the database has come; `attempt` is about to be sent. Raises EpochError.

    Called while `problem` is empty. The numbers only ever grow.
    """
    if settings.EPOCH_FILE is None:
        return
    with _locked() as path:
        mark = _read(path)
        if mark is None:
            raise EpochError(_("The epoch file has gone: see docs/operations.md, “Restore”."))
        grown = _grown(mark, attempt=attempt) if attempt else _reached(mark)
        if grown != mark:
            _write(path, grown)


def read() -> Mark | None:
    """What the environment's file says; None where there is none. Raises EpochError."""
    return None if settings.EPOCH_FILE is None else _read(Path(settings.EPOCH_FILE))


def _is_behind(mark: Mark) -> bool:
    return _latest_attempt() < mark.attempt or _latest_audit() < mark.audit


def _reached(mark: Mark) -> Mark:
    """The mark, as far as the database has come."""
    return _grown(mark, attempt=_latest_attempt(), audit=_latest_audit())


def _grown(mark: Mark, *, attempt: int = 0, audit: int = 0) -> Mark:
    return msgspec.structs.replace(mark, attempt=max(mark.attempt, attempt), audit=max(mark.audit, audit))


def _latest_attempt() -> int:
    return DispatchAttempt.objects.aggregate(latest=Max("pk"))["latest"] or 0


def _latest_audit() -> int:
    return AuditRow.objects.aggregate(latest=Max("pk"))["latest"] or 0


def _hold(mark: Mark) -> None:
    """Write it down: the database would grow past the numbers while people work with it."""
    if mark.held:
        return
    with _locked() as path:
        now = _read(path)
        if now is not None and now.epoch == mark.epoch:
            _write(path, msgspec.structs.replace(now, held=True))


def _read(path: Path) -> Mark | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise EpochError(
            _("The epoch file can't be read (%(why)s).") % {"why": type(error).__name__}
        ) from error


@contextmanager
def _locked() -> Iterator[Path]:
    """One writer at a time, across all processes that share the file."""
    path = Path(settings.EPOCH_FILE or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
    except OSError as error:
        raise EpochError(_("The epoch file can't be written (%(why)s).") % {"why": error.strerror}) from error


def _write(path: Path, mark: Mark) -> None:
    """All of it or nothing, and on the disk before anything is sent."""
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(mark) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
