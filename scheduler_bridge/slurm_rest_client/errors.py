"""What can go wrong, sorted by what the caller may do next.

Every error carries `maybe_done`: False means that Slurm certainly did nothing, so a retry cannot double;
True means nobody knows, and only looking the job up after the token's expiry can tell.

`cause` and `remedy` are English msgids marked for translation; the pages translate them.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from .explanations import Explanation, Who, explain, gettext_noop


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of Slurm's `errors[]` or `warnings[]`, in one shape for every version."""

    code: int = 0
    message: str = ""
    description: str = ""
    source: str = ""

    @property
    def text(self) -> str:
        if self.message and self.description and self.message not in self.description:
            return f"{self.message}: {self.description}"
        return self.description or self.message or f"error {self.code}"


class SlurmError(Exception):
    """Base of all errors of this client.

    `operation` is the call's name, `status` the HTTP status (0 without a reply), `code` Slurm's error
    number (0 when it gave none), `reason` Slurm's own words.
    """

    maybe_done: ClassVar[bool] = True
    default: ClassVar[Explanation]

    def __init__(
        self, operation: str, reason: str, *, status: int = 0, code: int = 0, problems: Sequence[Problem] = ()
    ) -> None:
        self.operation = operation
        self.reason = reason
        self.status = status
        self.code = code
        self.problems = tuple(problems)
        super().__init__(operation, reason, status, code)

    @property
    def explanation(self) -> Explanation:
        return explain(self.code) or self.default

    @property
    def who(self) -> Who:
        """Who can do something about it."""
        return self.explanation.who

    @property
    def cause(self) -> str:
        """Why, in plain words (an English msgid)."""
        return self.explanation.cause

    @property
    def remedy(self) -> str:
        """What to do about it (an English msgid)."""
        return self.explanation.remedy

    def __str__(self) -> str:
        figures = [f"HTTP {self.status}"] if self.status else []
        figures += [f"Slurm {self.code}"] if self.code else []
        return f"{self.operation}: {self.reason}" + (f" ({', '.join(figures)})" if figures else "")


class NeverSent(SlurmError):
    """No connection came about: the request provably never left. Safe to retry."""

    maybe_done = False
    default = Explanation(
        gettext_noop("The cluster's REST service could not be reached."),
        gettext_noop("Check that slurmrestd and the proxy before it run and that the address is right."),
        "site",
    )


class NoAnswer(SlurmError):
    """The request left, no clear answer came: it may have been carried out."""

    default = Explanation(
        gettext_noop("The cluster gave no clear answer; the request may or may not have been carried out."),
        gettext_noop("Nothing to do: the job is looked up on the cluster before anything is sent again."),
        "portal",
    )


class AuthRejected(SlurmError):
    """Slurm refused the token, so nothing was done."""

    maybe_done = False
    default = Explanation(
        gettext_noop("The cluster did not accept the portal's token for this user."),
        gettext_noop("Check the signing key, both clocks, and that the user exists on the cluster."),
        "site",
    )


class Refused(SlurmError):
    """A clear refusal: Slurm understood the request and did not carry it out."""

    maybe_done = False
    default = Explanation(
        gettext_noop("Slurm refused the request."),
        gettext_noop("Read Slurm's own reason; if it does not help, send it to the site's support."),
        "site",
    )


class Unrunnable(Refused):
    """The client's own refusal, before anything was sent: 22.05 accepts such a script and then holds or fails
    the job, 24.11 some of them."""

    default = Explanation(
        gettext_noop("The script is empty, or its first line does not name the program that runs it."),
        gettext_noop("Begin the script with a line such as #!/bin/bash."),
        "person",
    )


class NotFound(Refused):
    """Slurm knows no such job (or other object)."""

    default = Explanation(
        gettext_noop("Slurm knows no such object."),
        gettext_noop("It may have ended long ago: look in the accounting records."),
        "person",
    )


class NotWritten(SlurmError):
    """Slurm answered 200, but reading back shows that it wrote nothing or something else."""

    default = Explanation(
        gettext_noop("Slurm accepted the change without an error but did not store it."),
        gettext_noop("Check that the cluster, the parent account and the account exist, then try again."),
        "site",
    )


class Unavailable(SlurmError):
    """slurmrestd answered that slurmctld (1800) or slurmdbd (7000) could not be reached; nothing was done.

    A rejected token looks exactly the same: on 24.11 to slurmdb calls, on 22.05 to slurmctld's queries (-1).
    """

    maybe_done = False
    default = Explanation(
        gettext_noop("The cluster's controller or its accounting daemon cannot be reached."),
        gettext_noop("Wait; the portal tries again by itself. If it lasts, tell the site's support."),
        "site",
    )


class ProtocolError(SlurmError):
    """An answer that makes no sense: not JSON, a redirect, a missing field. Nobody knows what was done."""

    default = Explanation(
        gettext_noop("The answer did not come from a slurmrestd that this portal understands."),
        gettext_noop("Check the cluster's address and the proxy's configuration, and run the preflight."),
        "site",
    )


class VersionUnsupported(SlurmError):
    """The cluster does not speak this REST version, so nothing was done."""

    maybe_done = False
    default = Explanation(
        gettext_noop("The cluster's slurmrestd does not speak this REST version."),
        gettext_noop("Run the preflight: it finds the versions that both sides speak."),
        "portal",
    )


_AUTH_CODES = frozenset({1007, 6001, 6002, 6003})
_UNAVAILABLE_CODES = frozenset({1800, 7000})
_NOT_FOUND_CODES = frozenset({2017, 9003})


def _is_clear(code: int) -> bool:
    """Codes that slurmctld (2000s), slurmdbd (7000s) or slurmrestd's parser (9000s) give on purpose.

    All others (-1, 5005 "Zero Bytes", 1801–1803, errno values) may also mean a lost reply.
    """
    return 2000 <= code < 3000 or 7000 < code < 8000 or 9000 <= code < 10000


def error_for(operation: str, status: int, problems: Sequence[Problem]) -> SlurmError | None:
    """The exception that a reply stands for, or None when it is an answer."""
    first = next((problem for problem in problems if problem.code), problems[0] if problems else None)
    if first is None and status < 300:
        return None
    code = first.code if first else 0
    reason = first.text if first else f"HTTP {status} without an explanation"
    kind: type[SlurmError]
    # A site's proxy says 403 with a clear code where it is one user or one call that it doesn't let through.
    if code in _AUTH_CODES or (status in (401, 403, 511) and not _is_clear(code)):
        kind = AuthRejected
    elif code in _UNAVAILABLE_CODES:
        kind = Unavailable
    elif code in _NOT_FOUND_CODES:
        kind = NotFound
    elif _is_clear(code):
        kind = Refused
    elif status == 404:
        kind = VersionUnsupported
    elif 300 <= status < 400:
        kind = ProtocolError
    elif 400 <= status < 500:
        kind = Refused
    else:
        kind = NoAnswer
    return kind(operation, reason, status=status, code=code, problems=problems)
