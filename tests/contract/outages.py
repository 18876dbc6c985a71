"""What the client makes of a daemon that is away: held by real daemons that were stopped (tests/lab, size
`full`) and by the sandbox's faults."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from scheduler_bridge.slurm_rest_client import NoAnswer, SlurmError, Unavailable

from .targets import Target

type Said = tuple[type[SlurmError], int, int]
"""Error, HTTP status, Slurm's error number."""


class Outage(NamedTuple):
    """One call while `daemon` is away; `route` is what the sandbox's faults call it."""

    daemon: str
    route: str
    call: Callable[[Target], object]
    old: Said
    new: Said


_AWAY = (Unavailable, 500, 1800)


def _slurmctld(
    route: str,
    call: Callable[[Target], object],
    old: Said = _AWAY,
    new: Said = (Unavailable, 502, 1800),
) -> Outage:
    return Outage("slurmctld", route, call, old, new)


def _slurmdbd(route: str, call: Callable[[Target], object], old_status: int) -> Outage:
    return Outage("slurmdbd", route, call, (Unavailable, old_status, 7000), (Unavailable, 502, 7000))


OUTAGES = {
    "list of jobs": _slurmctld(
        "jobs", lambda target: target.client.list_jobs(target.token()), (Unavailable, 500, -1)
    ),
    "submission": _slurmctld("submit", lambda target: target.submit(target.spec("tqctnone"))),
    # 24.11 calls it "Operation not permitted".
    "cancel": _slurmctld(
        "cancel", lambda target: target.client.cancel(target.token(), 1), new=(NoAnswer, 500, 1)
    ),
    "update": _slurmctld(
        "update",
        lambda target: target.client.update_job(target.token(), 1, hold=True),
        (NoAnswer, 500, 1000),
        (NoAnswer, 500, 1000),
    ),
    "tres": _slurmdbd("tres", lambda target: target.client.tres(target.token()), 200),
    "runs": _slurmdbd("accounting", lambda target: target.runs(), 200),
    "associations": _slurmdbd(
        "associations", lambda target: target.client.associations(target.token(), target.name), 500
    ),
    "account": _slurmdbd("accounts", lambda target: target.client.account(target.token(), "root"), 500),
    "new account": _slurmdbd(
        "accounts", lambda target: target.client.upsert_account(target.token(), "tqctnone"), 500
    ),
}


def of(daemon: str) -> dict[str, Outage]:
    return {name: outage for name, outage in OUTAGES.items() if outage.daemon == daemon}


def check(outage: Outage, target: Target) -> SlurmError:
    """Makes the call and asserts what became of it; returns the error."""
    with pytest.raises(SlurmError) as caught:
        outage.call(target)
    error = caught.value
    expected, status, code = target.says(outage.old, outage.new)
    assert (type(error).__name__, error.status, error.code) == (expected.__name__, status, code)
    assert error.cause
    assert error.remedy
    return error
