"""Calls that are more than one exchange: discovery, writes that are read back, what is never sent."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    AuthRejected,
    JobSpec,
    NotFound,
    NotWritten,
    SlurmClient,
    Token,
    Unrunnable,
    VersionUnsupported,
)
from scheduler_bridge.slurm_rest_client.transport import Reply, Request

TOKEN = Token("tqportal", "secret", 2_000_000_000)
SPEC = JobSpec(name="n", account="a", partition="p", cwd="/", script="#!/bin/sh\n", time_limit_minutes=1)
WRONG_VERSION = (404, b"Unable find requested URL. Please view /openapi/v3 for API reference.")
BAD_TOKEN = {"errors": [{"error_number": 1007, "error": "Protocol authentication error"}]}
UNSPECIFIED = {"errors": [{"error_number": -1, "error": "Unspecified error"}]}

type Answer = tuple[int, Any]


class Cluster:
    """Stands in for the transport: answers by the path's end and keeps what was asked."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def send(self, request: Request, token: Token) -> Reply:
        self.asked.append(request)
        status, body = self.answer(request)
        return Reply(
            request.operation, status, body if isinstance(body, bytes) else json.dumps(body).encode()
        )


def client_of(answer: Callable[[Request], Answer], version: str = "v0.0.38") -> tuple[SlurmClient, Cluster]:
    client, cluster = SlurmClient("http://127.0.0.1:1", api_version=version), Cluster(answer)
    client.close()
    client._transport = cluster  # type: ignore[assignment]
    return client, cluster


# --- discovery ---


def slurm_22_05(*, ping: Answer, tres: Answer = (200, {"TRES": []})) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        if "/v0.0.38/" not in request.path:
            return WRONG_VERSION
        return {"ping": ping, "tres": tres, "diag": (500, UNSPECIFIED)}[request.operation]

    return answer


UP = (200, {"meta": {"Slurm": {"release": "22.05.8"}}, "pings": [{"ping": "UP"}]})


def test_22_05_is_found_after_the_later_versions() -> None:
    client, cluster = client_of(slurm_22_05(ping=UP))
    found = client.discover(TOKEN)
    assert (found.versions, found.release) == (("v0.0.38",), "22.05.8")
    assert cluster.asked[0].path == "/slurm/v0.0.42/ping/"


def test_a_bad_token_is_told_on_22_05() -> None:
    """A ping alone would say that slurmctld is down."""
    client, _ = client_of(slurm_22_05(ping=(500, UNSPECIFIED), tres=(200, BAD_TOKEN)))
    with pytest.raises(AuthRejected):
        client.discover(TOKEN)


def test_a_dead_controller_is_no_bad_token() -> None:
    client, _ = client_of(slurm_22_05(ping=(500, UNSPECIFIED)))
    assert client.discover(TOKEN).versions == ("v0.0.38",)


def test_a_bad_token_is_told_on_24_11() -> None:
    def answer(request: Request) -> Answer:
        if "/v0.0.42/" not in request.path:
            return WRONG_VERSION
        return {
            "ping": (200, {"pings": [{"pinged": "DOWN"}]}),
            "tres": (502, {"errors": [{"error_number": 7000, "error": "Unable to connect to database"}]}),
            "diag": (511, BAD_TOKEN),
        }[request.operation]

    client, _ = client_of(answer)
    with pytest.raises(AuthRejected):
        client.discover(TOKEN)


def test_no_version_in_common() -> None:
    client, _ = client_of(lambda request: WRONG_VERSION)
    with pytest.raises(VersionUnsupported):
        client.discover(TOKEN)


# --- associations of 22.05 ---


class Slurmdb:
    """An account's association that 22.05 creates and then never changes, and one user's in it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.deaf = False

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            found = [row for row in self.rows.values() if row["account"] == request.query["account"]]
            nothing = {"error_number": 9003, "error": "Nothing found with query"}
            return (200, {"associations": found}) if found else (500, {"errors": [nothing]})
        if request.method == "DELETE":
            key = (str(request.query["account"]), str(request.query["user"]))
            if key not in self.rows:
                return 304, b""
            if not self.deaf:
                del self.rows[key]
            return 200, {"removed_associations": ["one"]}
        (row,) = json.loads(request.body or b"")["associations"]
        key = (row["account"], row.get("user", ""))
        if key not in self.rows or key[1]:
            self.rows[key] = {"user": None, **row}
        errors = [] if key[1] else [{"description": "Missing required field 'user'"}]
        return 200, {"errors": errors}


def budget(minutes: int) -> AssociationLimits:
    return AssociationLimits(group_tres_minutes={GPU: minutes})


def test_a_change_of_an_accounts_limits_that_did_nothing_is_found_out() -> None:
    client, _ = client_of(Slurmdb())
    assert client.upsert_association(TOKEN, "c", "a", budget(600)).limits.gpu_minutes == 600
    assert client.upsert_association(TOKEN, "c", "a", budget(600)).limits.gpu_minutes == 600
    with pytest.raises(NotWritten):
        client.upsert_association(TOKEN, "c", "a", budget(700))


def test_a_users_limits_change() -> None:
    client, _ = client_of(Slurmdb())
    client.upsert_association(TOKEN, "c", "a", budget(600))
    client.upsert_association(TOKEN, "c", "a", AssociationLimits(max_submit_jobs=0), user="u")
    assert (
        client.upsert_association(TOKEN, "c", "a", AssociationLimits(), user="u").limits
        == AssociationLimits()
    )
    assert [row.user for row in client.associations(TOKEN, "c", account="a", user="u")] == ["u"]


def test_deleting_an_association() -> None:
    slurmdb = Slurmdb()
    client, cluster = client_of(slurmdb)
    client.upsert_association(TOKEN, "c", "a", budget(600))
    client.upsert_association(TOKEN, "c", "a", AssociationLimits(), user="u")
    slurmdb.deaf = True
    with pytest.raises(NotWritten):
        client.delete_association(TOKEN, "c", "a", "u")
    slurmdb.deaf = False
    client.delete_association(TOKEN, "c", "a", "u")
    assert list(slurmdb.rows) == [("a", "")]
    with pytest.raises(NotFound):
        client.delete_association(TOKEN, "c", "a", "u")
    asked = len(cluster.asked)
    with pytest.raises(ValueError, match="user"):
        client.delete_association(TOKEN, "c", "a", "")
    assert len(cluster.asked) == asked


@pytest.mark.parametrize("version", ["v0.0.38", "v0.0.42"])
@pytest.mark.parametrize("script", ["", "\n  \n", "echo hello", "\n#!/bin/sh\n"])
def test_scripts_that_would_never_run_are_not_sent(version: str, script: str) -> None:
    client, cluster = client_of(lambda request: (200, {"job_id": 1}), version)
    with pytest.raises(Unrunnable) as caught:
        client.submit(TOKEN, msgspec.structs.replace(SPEC, script=script))
    assert cluster.asked == []
    assert caught.value.maybe_done is False
    assert caught.value.who == "person"
    assert client.submit(TOKEN, SPEC).job_id == 1


def test_accounting_is_of_the_user_that_was_asked_for() -> None:
    """22.05 has no filter by user, and 24.11 ignores those that it does not know."""
    time = {"submission": 100, "start": 110, "end": 130, "elapsed": 20}
    rows = [
        {"job_id": number, "user": user, "state": {"current": "COMPLETED"}, "time": time}
        for number, user in enumerate(("u", "v"))
    ]
    client, _ = client_of(lambda request: (200, {"jobs": rows}))
    assert [row.user for row in client.accounting_jobs(TOKEN, "c", 1, 200, user="v")] == ["v"]
    assert len(client.accounting_jobs(TOKEN, "c", 1, 200)) == 2
