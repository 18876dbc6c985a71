"""What slurmdbd keeps: accounts, users, associations with their limits and usage."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

TRES_LIMITS = (
    "group_minutes",
    "group_running",
    "group_total",
    "job_minutes",
    "job_total",
    "node_total",
    "own_running",
)
_INHERITED = ("job_minutes", "job_total", "node_total", "own_running")


class Limits(msgspec.Struct):
    """TRES limits as maps (key → count), the others None when unlimited."""

    group_minutes: dict[str, int] = {}
    group_running: dict[str, int] = {}
    group_total: dict[str, int] = {}
    job_minutes: dict[str, int] = {}
    job_total: dict[str, int] = {}
    node_total: dict[str, int] = {}
    own_running: dict[str, int] = {}
    """MaxTRESRunMins: of this association alone; kept and shown, enforced by nobody here."""
    wall_minutes: int | None = None
    active_jobs: int | None = None
    submit_jobs: int | None = None


class Assoc(msgspec.Struct):
    """`user` empty: account level. `used` counts TRES-seconds of ended runs, children's included."""

    id: int
    account: str
    user: str
    parent: str
    limits: Limits
    qos: list[str]
    used: dict[str, float] = {}


class Book:
    """The accounting database of one cluster."""

    def __init__(self, admins: Iterable[str] = ()) -> None:
        self.accounts: dict[str, dict[str, str]] = {
            "root": {"name": "root", "description": "default root account", "organization": "root"}
        }
        self.users: dict[str, dict[str, str]] = {"root": {"name": "root", "account": "root"}}
        self.users |= {name: {"name": name, "account": ""} for name in admins}
        self.assocs: dict[tuple[str, str], Assoc] = {}
        self._last_id = 0
        self._put("root", "", "").qos = ["normal"]
        self._put("root", "root", "")

    def _put(self, account: str, user: str, parent: str) -> Assoc:
        self._last_id += 1
        assoc = Assoc(self._last_id, account, user, parent, Limits(), [])
        self.assocs[account, user] = assoc
        return assoc

    def write_account(self, name: str, description: str, organization: str) -> None:
        self.accounts[name] = {"name": name, "description": description, "organization": organization}

    def write_user(self, name: str, account: str) -> None:
        known = self.users.setdefault(name, {"name": name, "account": ""})
        known["account"] = account or known["account"]

    def write_assoc(
        self,
        account: str,
        user: str | None,
        parent: str | None,
        limits: dict[str, Any],
        qos: list[str] | None,
        adds_user: bool = True,
    ) -> bool:
        """False when nothing was written because something above is missing.

        `user` None means account level; an empty string makes an orphan where nothing is yet. `adds_user`:
        a user that was never added is added with the association.
        """
        assoc = self.assocs.get((account, user or "")) or self._create(account, user, parent)
        if assoc is None:
            return False
        if parent and not user and assoc.parent:
            assoc.parent = parent
        # What the write left out of the TRES limits is lifted; the other limits stay.
        kept = {name: limits.get(name, {}) for name in TRES_LIMITS}
        kept |= {name: limits[name] for name in limits if name not in TRES_LIMITS}
        for name, value in kept.items():
            setattr(assoc.limits, name, value)
        if qos:
            assoc.qos = list(qos)
        if user and adds_user:
            self.write_user(user, self.users.get(user, {}).get("account") or account)
        return True

    def must_keep(self, account: str, user: str) -> bool:
        """Whether it is the user's default association beside others."""
        others = any(key[1] == user and key[0] != account for key in self.assocs)
        return bool(user) and others and self.users.get(user, {}).get("account") == account

    def remove_assocs(self, account: str, user: str) -> list[str]:
        """Removes the user's association, or without a user all of the account."""
        gone = [key for key in self.assocs if key[0] == account and user in ("", key[1])]
        for key in gone:
            del self.assocs[key]
        return [f"{key[0]}/{key[1]}".rstrip("/") for key in gone]

    def _create(self, account: str, user: str | None, parent: str | None) -> Assoc | None:
        if user == "":
            return self._put(account, "", "") if parent else None
        above = (account, "") if user else (parent or "root", "")
        if above not in self.assocs:
            return None
        return self._put(account, user or "", "" if user else parent or "root")

    def chain(self, account: str, user: str) -> Iterator[Assoc]:
        """The user's association, its account's, that one's parent's …, up to root."""
        own = self.assocs.get((account, user))
        if own is not None and user:
            yield own
        seen = set()
        while account and account not in seen:
            seen.add(account)
            assoc = self.assocs.get((account, ""))
            if assoc is None:
                return
            yield assoc
            account = assoc.parent

    def effective(self, account: str, user: str, limit: str) -> int | None:
        """A per-user limit: the nearest one set on the way up."""
        for assoc in self.chain(account, user):
            value: int | None = getattr(assoc.limits, limit)
            if value is not None:
                return value
        return None

    def shown_limits(self, assoc: Assoc) -> Limits:
        """The limits as slurmdb shows them: those per user and per job include the parents'."""
        chain = list(self.chain(assoc.account, assoc.user))
        shown = msgspec.structs.replace(assoc.limits)
        for name in ("wall_minutes", "active_jobs", "submit_jobs"):
            setattr(shown, name, self.effective(assoc.account, assoc.user, name))
        for name in _INHERITED:
            merged: dict[str, int] = {}
            for above in reversed(chain):
                merged |= getattr(above.limits, name)
            setattr(shown, name, merged)
        return shown

    def qos(self, account: str, user: str) -> list[str]:
        return next((assoc.qos for assoc in self.chain(account, user) if assoc.qos), [])

    def charge(self, account: str, user: str, tres: dict[str, int], seconds: float) -> None:
        for assoc in self.chain(account, user):
            for key, count in tres.items():
                assoc.used[key] = assoc.used.get(key, 0.0) + count * seconds
