"""A cluster that is added or changed is taken up without a restart; a real one once it is on again."""

import pytest

from datacenters.models import Cluster
from datacenters.services import cluster_create, cluster_update
from portal.foundation.models import AuditRow
from portal.foundation.services.outbox import drain
from scheduler_bridge import tasks
from scheduler_bridge.dispatch import gate
from scheduler_bridge.models import ClusterGate, Door
from scheduler_bridge.sites.changes import look_anew
from scheduler_bridge.sites.clients import client_for, operator_token
from tests.bridge_stage import sandbox
from tests.cast import Cast, site


@pytest.fixture
def woken(monkeypatch) -> list[tuple[str, str]]:
    """Which work was asked for on which cluster."""
    asked: list[tuple[str, str]] = []
    for name in ("dispatch", "follow", "look"):
        task = getattr(tasks, name)
        monkeypatch.setattr(
            task, "apply_async", lambda args, name=name, **options: asked.append((name, args[0]))
        )
        monkeypatch.setattr(task, "delay", lambda code, name=name: asked.append((name, code)))
    return asked


@pytest.fixture
def bare(cast: Cast):
    """A second site, without a cluster."""
    place = site("uet").site
    place.resources.update(cluster=None)
    Cluster.objects.filter(site=place).delete()
    return place


def test_a_new_cluster_is_looked_at_and_worked_on_once_it_is_on(cast, bare, tmp_path, woken):
    with sandbox(tmp_path, "uet") as clusters:
        url, key = clusters["uet"]
        cluster = cluster_create(
            actor=cast.admin, site=bare, code="uet", slurm_name="uet", url=url, signer=str(key)
        )
        drain()
        assert woken == [("look", "uet")]
        Cluster.objects.update(api_version="v0.0.40")
        tasks.look("uet")
        cluster.refresh_from_db()
        assert (cluster.api_version, cluster.problem) == ("v0.0.42", "")
        assert cluster.slurm_release
        tasks.tick()
        assert ("dispatch", "uet") not in woken
        cluster_update(actor=cast.admin, cluster=cluster, is_enabled=True)
        tasks.tick()
        assert {("dispatch", "uet"), ("follow", "uet")} <= set(woken)


def test_a_changed_address_key_or_version_is_used_by_the_next_call(cast, tmp_path):
    with sandbox(tmp_path, "old", "new") as clusters:
        cluster = cast.cluster
        for name in ("old", "new"):
            url, key = clusters[name]
            cluster = cluster_update(actor=cast.admin, cluster=cluster, url=url, signer=str(key))
            assert client_for(cluster).base_url == url
            # Each sandbox knows its own key only: a token of the other's would be refused.
            assert client_for(cluster).ping(operator_token(cluster)).up
        before = client_for(cluster)
        cluster.api_version = "v0.0.41"
        assert client_for(cluster) is not before


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://127.0.0.1:10"},
        {"slurm_name": "other"},
        {"signer": "other.key"},
        {"operator_login": "somebody"},
        {"is_sandbox": True},
    ],
)
def test_a_real_cluster_that_is_led_elsewhere_goes_off(cast, tmp_path, settings, change):
    settings.KEYS_DIR = tmp_path
    (tmp_path / "other.key").write_bytes(b"k" * 32)
    Cluster.objects.update(is_sandbox=False)
    same = {name: getattr(cast.cluster, name) for name in ("url", "slurm_name", "signer", "operator_login")}
    others = {"api_version": "v0.0.41", "max_pending": 7}
    assert cluster_update(actor=cast.admin, cluster=cast.cluster, **same, **others).is_enabled
    changed = cluster_update(actor=cast.admin, cluster=cast.cluster, **change)
    assert not changed.is_enabled
    row = AuditRow.objects.filter(action="cluster_update").latest("pk")
    assert (row.after, row.before["is_enabled"]) == (change | {"is_enabled": False}, True)


def test_a_sandbox_stays_on_until_it_is_called_a_real_cluster(cast):
    assert cluster_update(actor=cast.admin, cluster=cast.cluster, url="http://127.0.0.1:10").is_enabled
    both = {"is_sandbox": False, "is_enabled": True}
    assert not cluster_update(actor=cast.admin, cluster=cast.cluster, **both).is_enabled


def test_a_rewritten_key_is_read_again(cast, tmp_path):
    key = tmp_path / "ned.key"
    key.write_bytes(b"a" * 32)
    cast.cluster.signer = str(key)
    first = operator_token(cast.cluster)
    key.write_bytes(b"b" * 32)
    assert operator_token(cast.cluster) != first


def test_the_pause_after_failures_ends_with_the_old_address(cast, tmp_path):
    for _ in range(9):
        for door in Door:
            gate.shut(cast.cluster, error="No route to host", door=door)
    assert not gate.admits(cast.cluster)
    with sandbox(tmp_path, "ned") as clusters:
        url, key = clusters["ned"]
        cluster_update(actor=cast.admin, cluster=cast.cluster, url=url, signer=str(key))
        tasks.look("ned")
    assert gate.admits(cast.cluster, *Door)
    assert set(ClusterGate.objects.values_list("failures", flat=True)) == {0}


def test_a_cluster_that_doesnt_answer_is_told(cast, tmp_path):
    cast.cluster.signer = str(tmp_path / "gone.key")
    cast.cluster.save()
    assert look_anew(cast.cluster) == 0
    cast.cluster.refresh_from_db()
    assert "can't be read" in cast.cluster.problem
    assert "gone.key" not in cast.cluster.problem
