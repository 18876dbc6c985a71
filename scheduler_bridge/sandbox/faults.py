"""Faults on demand: what the next calls of a route are to suffer."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from .reply import Reply
from .routes import Mishap

type Kind = Literal[
    "timeout_before",
    "timeout_after_accept",
    "slow",
    "500",
    "500_after_accept",
    "502",
    "511",
    "304",
    "empty",
    "truncated",
    "wrong_id",
    "reset_before",
    "reset_after_accept",
    "forget_after_accept",
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """502: the daemon behind the route is away; 511: it refuses the token; 500: 5005 "Zero Bytes", each in
    the words of the cluster's release.

    `seconds`: how long a timeout stays silent, how long a slow call waits *before* it is processed (so a
    token that expires meanwhile is refused). `route` "*" means every route of slurmrestd.
    """

    kind: Kind
    route: str = "submit"
    times: int = 1
    seconds: float = 60.0


class Exchange(Protocol):
    """What a fault can do to one HTTP exchange."""

    def send(self, reply: Reply) -> None: ...
    def silence(self, seconds: float) -> None: ...
    def truncate(self, reply: Reply) -> None: ...
    def reset(self) -> None: ...
    def later(self, seconds: float, action: Callable[[], None]) -> None: ...


class FaultBook:
    """The faults still to come, first in, first out per route."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        self.planned.append(fault)

    def clear(self) -> None:
        self.planned.clear()

    def take(self, route: str) -> Fault | None:
        for fault in self.planned:
            if fault.route in (route, "*") and fault.times > 0:
                fault.times -= 1
                if not fault.times:
                    self.planned.remove(fault)
                return fault
        return None


def suffer(
    fault: Fault,
    exchange: Exchange,
    process: Callable[[], Reply],
    mishap: Callable[[Mishap], Reply],
    forget: Callable[[int], Any],
) -> None:
    """Plays one fault. `process` does what the call asks for and returns the true answer; `mishap` words
    what the route says when something went wrong."""
    match fault.kind:
        case "timeout_before":
            exchange.silence(fault.seconds)
        case "timeout_after_accept":
            process()
            exchange.silence(fault.seconds)
        case "slow":
            exchange.later(fault.seconds, lambda: exchange.send(process()))
        case "500":
            exchange.send(mishap("lost"))
        case "500_after_accept":
            process()
            exchange.send(mishap("lost"))
        case "502":
            exchange.send(mishap("away"))
        case "511":
            exchange.send(mishap("rejected"))
        case "304":
            exchange.send(Reply(304, b""))
        case "empty":
            body = {"jobs": [], "errors": [], "warnings": [{"description": "No job changes", "source": ""}]}
            exchange.send(Reply(200, body))
        case "truncated":
            exchange.truncate(process())
        case "wrong_id":
            exchange.send(_with_other_id(process()))
        case "reset_before":
            exchange.reset()
        case "reset_after_accept":
            process()
            exchange.reset()
        case "forget_after_accept":
            reply = process()
            if isinstance(reply.body, dict) and reply.body.get("job_id"):
                forget(reply.body["job_id"])
            exchange.send(reply)


def _with_other_id(reply: Reply) -> Reply:
    if isinstance(reply.body, dict) and reply.body.get("job_id"):
        return Reply(reply.status, reply.body | {"job_id": reply.body["job_id"] + 100_000})
    return reply
