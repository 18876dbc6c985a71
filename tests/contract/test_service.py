"""Reaching a cluster: versions, clocks, tokens, hardware."""

import time
from collections.abc import Callable

import httpx
import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AuthRejected,
    NoAnswer,
    SlurmClient,
    SlurmError,
    Token,
    Unavailable,
    VersionUnsupported,
)

from .targets import Target

type Note = Callable[[str, object], None]


def bad_tokens(target: Target) -> list[Token]:
    return [
        target.token(target.user, lifetime=-5),
        Token(target.user, target.token(target.user).value[:-6] + "AAAAAA", int(time.time()) + 60),
        Token(target.user, "not.a.token", int(time.time()) + 60),
    ]


def test_the_version_is_found(target: Target) -> None:
    found = target.client.discover(target.token())
    assert target.version in found.versions
    assert found.release.startswith(target.release)
    assert found.cluster == target.says("", target.name)


def test_a_version_that_the_cluster_does_not_speak(target: Target) -> None:
    for version in ("v0.0.44", target.says("v0.0.42", "v0.0.38")):
        client = SlurmClient(target.url, api_version=version)
        with client, pytest.raises(VersionUnsupported) as caught:
            client.diag(target.token())
        assert caught.value.maybe_done is False
        assert caught.value.remedy


def test_a_wrong_method(target: Target, note: Note) -> None:
    status = target.call("POST", f"{target.slurm}/diag/", {}).status_code
    note("A method that a path does not have", status)
    assert status == target.says(405, 404)


def test_diag_gives_the_controllers_clock(target: Target) -> None:
    diag = target.client.diag(target.token())
    assert abs(diag.server_time - time.time()) < 30
    assert diag.dbd_agent_queue_size >= 0


def test_ping(target: Target) -> None:
    assert target.client.ping(target.token()).up


def said(error: SlurmError) -> str:
    return f"{type(error).__name__} {error.status}/{error.code}"


def test_a_bad_token_does_nothing(target: Target, note: Note) -> None:
    """22.05 words a refused token like a lost reply or like a dead slurmctld."""
    spec = target.spec(target.account())
    for token in bad_tokens(target):
        with pytest.raises(SlurmError) as query:
            target.client.list_jobs(token)
        with pytest.raises(SlurmError) as submission:
            target.client.submit(token, spec)
        note("A bad token, list of jobs", said(query.value))
        note("A bad token, submission", said(submission.value))
        assert type(query.value) is target.says(Unavailable, AuthRejected)
        assert (query.value.status, query.value.code) == target.says((500, -1), (511, 1007))
        assert type(submission.value) is target.says(NoAnswer, AuthRejected)
        assert (submission.value.status, submission.value.code) == target.says((500, 5005), (511, 1007))
        assert submission.value.maybe_done is target.says(True, False)
        for error in (query.value, submission.value):
            assert error.cause
            assert error.remedy
    assert spec.name not in {job.name for job in target.client.list_jobs(target.token())}


def test_what_slurmdbd_says_to_a_bad_token(target: Target, note: Note) -> None:
    """24.11: as if it were away."""
    token = bad_tokens(target)[0]
    for operation in (
        lambda: target.client.tres(token),
        lambda: target.client.associations(token, target.name),
        lambda: target.client.account(token, "root"),
        lambda: target.client.accounting_jobs(token, target.name, 1_700_000_000, 1_700_000_001),
    ):
        with pytest.raises(SlurmError) as caught:
            operation()
        assert type(caught.value) is target.says(AuthRejected, Unavailable)
        assert caught.value.code == target.says(1007, 7000)
        assert caught.value.remedy
        note("A bad token, slurmdbd", f"{type(caught.value).__name__} {caught.value.code}")


def test_ping_with_a_bad_token_says_down(target: Target, note: Note) -> None:
    assert target.client.ping(bad_tokens(target)[0]).up is False
    headers = bad_tokens(target)[0].headers()
    note("A bad token, ping", httpx.get(f"{target.url}{target.slurm}/ping", headers=headers).status_code)


def test_which_headers_carry_a_token(target: Target, note: Note) -> None:
    name, value = target.operator, target.token().value
    ways = {
        "none": {},
        "both": {"X-SLURM-USER-NAME": name, "X-SLURM-USER-TOKEN": value},
        "token alone": {"X-SLURM-USER-TOKEN": value},
        "Bearer": {"Authorization": f"Bearer {value}"},
    }
    statuses = {
        way: httpx.get(f"{target.url}{target.slurm}/diag", headers=headers).status_code
        for way, headers in ways.items()
    }
    note("Which headers carry a token", ", ".join(way for way, status in statuses.items() if status == 200))
    new = target.says(401, 200)
    assert statuses == {"none": 401, "both": 200, "token alone": new, "Bearer": new}


def test_gpus_are_tracked(target: Target) -> None:
    tracked = target.client.tres(target.token()).items
    assert GPU in tracked
    assert f"{GPU}:{target.gpu}" in tracked


def test_hardware(target: Target) -> None:
    partition = next(
        part for part in target.client.partitions(target.token()) if part.name == target.partition
    )
    nodes = [node for node in target.client.nodes(target.token()) if target.partition in node.partitions]
    assert partition.up
    assert partition.node_count == len(nodes)
    assert partition.tres[GPU] == sum(node.gpus for node in nodes) > 0
    assert {node.gpu_type for node in nodes} == {target.gpu}
    assert partition.max_time_minutes


def test_the_cluster_is_known_to_its_accounting(target: Target) -> None:
    assert target.name in {cluster.name for cluster in target.client.clusters(target.token())}
