"""The interface of a codec, and what all codecs share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ..capabilities import Capabilities
from ..errors import NoAnswer, Problem, SlurmError, error_for
from ..models import (
    Account,
    AccountingRun,
    Association,
    Cluster,
    Diag,
    JobSpec,
    JobState,
    JobStateRow,
    Listing,
    LiveJob,
    Node,
    Partition,
    Ping,
    Share,
    Submitted,
    User,
)
from ..transport import Reply, Request


class Codec(Protocol):
    """Pairs of methods: one writes the request, one reads the reply (and raises SlurmError)."""

    version: str
    capabilities: Capabilities

    def ping(self) -> Request: ...
    def read_ping(self, reply: Reply) -> Ping: ...
    def diag(self) -> Request: ...
    def read_diag(self, reply: Reply) -> Diag: ...

    def submit(self, spec: JobSpec) -> Request: ...
    def read_submitted(self, reply: Reply) -> Submitted: ...
    def jobs(self) -> Request: ...
    def read_jobs(self, reply: Reply) -> Listing[LiveJob]: ...
    def job_states(self, job_ids: Sequence[int]) -> Request: ...
    def read_job_states(self, reply: Reply) -> Listing[JobStateRow]: ...
    def job(self, job_id: int) -> Request: ...
    def read_job(self, reply: Reply) -> LiveJob: ...
    def cancel(self, job_id: int) -> Request: ...
    def read_cancelled(self, reply: Reply) -> None: ...
    def update_job(self, job_id: int, *, hold: bool | None, account: str | None) -> Request: ...
    def read_done(self, reply: Reply) -> None: ...

    def accounting_jobs(
        self,
        cluster: str,
        start: int,
        end: int,
        *,
        job_name: str | None,
        user: str | None,
        account: str | None,
    ) -> Request: ...
    def accounting_by_id(self, cluster: str, job_ids: Sequence[int]) -> Request: ...
    def read_accounting_jobs(self, reply: Reply) -> Listing[AccountingRun]: ...

    def partitions(self) -> Request: ...
    def read_partitions(self, reply: Reply) -> Listing[Partition]: ...
    def nodes(self) -> Request: ...
    def read_nodes(self, reply: Reply) -> Listing[Node]: ...
    def shares(self) -> Request: ...
    def read_shares(self, reply: Reply) -> Listing[Share]: ...

    def tres(self) -> Request: ...
    def read_tres(self, reply: Reply) -> Listing[str]: ...
    def clusters(self) -> Request: ...
    def read_clusters(self, reply: Reply) -> Listing[Cluster]: ...
    def qos(self) -> Request: ...
    def read_qos(self, reply: Reply) -> Listing[str]: ...
    def associations(self, cluster: str, account: str | None, user: str | None) -> Request: ...
    def read_associations(self, reply: Reply) -> Listing[Association]: ...
    def write_association(self, wanted: Association) -> Request: ...
    def delete_association(self, cluster: str, account: str, user: str) -> Request: ...
    def read_deleted(self, reply: Reply) -> None: ...
    def account(self, name: str) -> Request: ...
    def read_accounts(self, reply: Reply) -> Listing[Account]: ...
    def write_account(self, wanted: Account) -> Request: ...
    def user(self, name: str) -> Request: ...
    def read_users(self, reply: Reply) -> Listing[User]: ...
    def write_user(self, wanted: User) -> Request: ...


class WireProblem(msgspec.Struct):
    """An entry of errors[] or warnings[], the names of all versions and calls side by side."""

    error_number: int | None = None
    error_code: int | None = None
    errno: int | None = None
    error: str | None = None
    description: str | None = None
    source: str | None = None

    def to_problem(self) -> Problem:
        return Problem(
            code=self.error_number or self.error_code or self.errno or 0,
            message=self.error or "",
            description=self.description or "",
            source=self.source or "",
        )


class Envelope(msgspec.Struct):
    errors: list[WireProblem] | None = None
    warnings: list[WireProblem] | None = None

    def problems(self) -> list[Problem]:
        return [problem.to_problem() for problem in self.errors or ()]

    def warning_texts(self) -> tuple[str, ...]:
        return tuple(problem.to_problem().text for problem in self.warnings or ())


_envelope = msgspec.json.Decoder(Envelope, strict=False)


def decode[T: Envelope](decoder: msgspec.json.Decoder[T], reply: Reply) -> T:
    """The decoded reply. An error status or errors[] becomes the exception that it stands for; a body that
    cannot be read leaves open what was done."""
    if reply.status >= 300:
        raise failure(reply)
    try:
        body = decoder.decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NoAnswer(reply.operation, "the answer could not be read", status=reply.status) from None
    error = error_for(reply.operation, reply.status, body.problems())
    if error is not None:
        raise error
    return body


def failure(reply: Reply) -> SlurmError:
    """The error that a reply with an error status stands for."""
    try:
        problems = _envelope.decode(reply.content).problems()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problems = []
    error = error_for(reply.operation, reply.status, problems)
    return error or NoAnswer(reply.operation, "an error without an explanation", status=reply.status)


def convert_all[W, T](
    rows: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[W], convert: Callable[[W], T], what: str
) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """Every row that can be read, and one line for every other: one odd job must not hide the rest."""
    items: list[T] = []
    odd: list[str] = []
    for index, row in enumerate(rows):
        try:
            items.append(convert(decoder.decode(row)))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            odd.append(f"{what} number {index + 1} ({_identity(row)}): {error}")
    return tuple(items), tuple(odd)


def _identity(row: msgspec.Raw) -> str:
    try:
        known: Mapping[str, Any] = msgspec.json.decode(row)
        return f"job_id {known['job_id']}"
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError):
        return "no id"


def split_states(states: Sequence[str]) -> tuple[JobState, frozenset[str]]:
    """The base state and the flags of a state list; an unheard-of word counts as a flag."""
    base = next((JobState(word) for word in states if word in JobState), JobState.UNKNOWN)
    return base, frozenset(word for word in states if word != base)


def parse_tres(text: str) -> dict[str, int]:
    """`cpu=4,mem=2000M,gres/gpu=2` as a map; memory in MiB, unreadable parts left out."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, amount = part.rpartition("=")
        value = _amount(amount)
        if name and value is not None:
            found[name] = value
    return found


def _amount(text: str) -> int | None:
    scale = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}.get(text[-1:], 0)
    try:
        return int(float(text[:-1]) * scale) if scale else int(text)
    except ValueError:
        return None


def gpus_in(tres: Mapping[str, int]) -> int:
    """The untyped count alone: the typed one repeats it. A request may have the typed one only."""
    if "gres/gpu" in tres:
        return tres["gres/gpu"]
    return sum(count for name, count in tres.items() if name.startswith("gres/gpu:"))
