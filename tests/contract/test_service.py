"""Reaching a cluster: versions, clocks, tokens, hardware."""

import time

import httpx
import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AuthRejected,
    SlurmClient,
    Token,
    Unavailable,
    VersionUnsupported,
)

from .targets import VERSION, Target


def bad_tokens(target: Target) -> list[Token]:
    return [
        target.token(target.user, lifetime=-5),
        Token(target.user, target.token(target.user).value[:-6] + "AAAAAA", int(time.time()) + 60),
        Token(target.user, "not.a.token", int(time.time()) + 60),
    ]


def test_the_version_is_found(target: Target) -> None:
    found = target.client.discover(target.token())
    assert VERSION in found.versions
    assert found.release.startswith("24.11")
    assert found.cluster == target.name


def test_a_version_that_the_cluster_does_not_speak(target: Target) -> None:
    with (
        SlurmClient(target.url, api_version="v0.0.44") as client,
        pytest.raises(VersionUnsupported) as caught,
    ):
        client.diag(target.token())
    assert caught.value.maybe_done is False


def test_diag_gives_the_controllers_clock(target: Target) -> None:
    diag = target.client.diag(target.token())
    assert abs(diag.server_time - time.time()) < 30
    assert diag.dbd_agent_queue_size >= 0


def test_ping(target: Target) -> None:
    assert target.client.ping(target.token()).up


def test_a_bad_token_is_rejected_and_nothing_happens(target: Target) -> None:
    spec = target.spec(target.new_account())
    for token in bad_tokens(target):
        with pytest.raises(AuthRejected) as caught:
            target.client.list_jobs(token)
        assert caught.value.code == 1007
        with pytest.raises(AuthRejected) as caught:
            target.client.submit(token, spec)
        assert (caught.value.status, caught.value.code) == (511, 1007)
        assert caught.value.maybe_done is False
    assert spec.name not in {job.name for job in target.client.list_jobs(target.token())}


def test_slurmdbd_answers_a_bad_token_as_if_it_were_away(target: Target) -> None:
    with pytest.raises(Unavailable) as caught:
        target.client.tres(bad_tokens(target)[0])
    assert (caught.value.status, caught.value.code) == (502, 7000)


def test_ping_with_a_bad_token_says_down(target: Target) -> None:
    assert target.client.ping(bad_tokens(target)[0]).up is False


def test_no_token_at_all(target: Target) -> None:
    assert httpx.get(f"{target.url}/slurm/{VERSION}/jobs/").status_code == 401


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
