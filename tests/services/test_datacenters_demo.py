"""The demonstration sites, and where their clusters lead in each kind of run."""

import json

import pytest

from datacenters import demo
from datacenters.models import Capacity, Cluster, DataClass, Resource, Site, SiteRole
from portal.foundation.models import AuditRow, OutboxRow
from portal.people import demo as people

VERSIONS = {
    "astrolabe-ned": "v0.0.42",
    "astrolabe-uet": "v0.0.42",
    "data-vault": "v0.0.38",
    "higgs": "v0.0.38",
}
NAMES = list(VERSIONS)


@pytest.fixture(autouse=True)
def no_run(monkeypatch):
    monkeypatch.delenv("TAQSEEM_SANDBOX_STATE", raising=False)
    monkeypatch.delenv("TAQSEEM_LAB_STATE", raising=False)


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """`sandbox(port)` says that the sandbox runs, its clusters from this port on."""

    def run(port):
        state = tmp_path / "sandbox.json"
        urls = {name: f"http://127.0.0.1:{port + number}" for number, name in enumerate(NAMES)}
        clusters = {name: {"rest_url": url, "rest_versions": [VERSIONS[name]]} for name, url in urls.items()}
        state.write_text(json.dumps({"clusters": clusters}))
        monkeypatch.setenv("TAQSEEM_SANDBOX_STATE", str(state))
        return urls

    return run


@pytest.mark.django_db
def test_four_sites_with_all_that_belongs_to_them():
    people.seed()
    demo.seed()
    assert sorted(Site.objects.values_list("code", flat=True)) == NAMES
    assert not Site.objects.filter(source="").exists()
    assert Resource.objects.filter(illustrative=True, gpu_count=16, gpus_per_node=8).count() == 4
    assert Capacity.objects.count() == 16
    assert OutboxRow.objects.filter(topic="capacity_changed").count() == 16
    assert Site.objects.get(code="data-vault").holds(DataClass.SENSITIVE)
    assert not Site.objects.get(code="higgs").holds(DataClass.RESTRICTED)
    assert Site.objects.get(code="higgs").illustrative
    assert SiteRole.objects.filter(user=people.user("site"), role="manager").count() == 4
    assert AuditRow.objects.filter(action="site_create").count() == 4
    assert Cluster.objects.filter(is_sandbox=True).count() == 4


@pytest.mark.django_db
def test_seeding_again_changes_nothing_that_people_changed():
    demo.seed()
    Site.objects.filter(code="higgs").update(name="Renamed")
    Resource.objects.update(max_wall_minutes=60)
    Capacity.objects.update(gpu_seconds=1)
    demo.seed()
    assert Site.objects.get(code="higgs").name == "Renamed"
    assert set(Resource.objects.values_list("max_wall_minutes", flat=True)) == {60}
    assert set(Capacity.objects.values_list("gpu_seconds", flat=True)) == {1}
    assert OutboxRow.objects.filter(topic="capacity_changed").count() == 16


@pytest.mark.django_db
def test_clusters_follow_the_sandbox_to_its_new_ports(sandbox, tmp_path):
    for port in (40000, 41000):
        urls = sandbox(port)
        demo.seed()
        assert dict(Cluster.objects.values_list("code", "url")) == urls
        assert dict(Cluster.objects.values_list("code", "api_version")) == VERSIONS
    assert Cluster.objects.get(code="higgs").signer == str(tmp_path / "higgs.key")


@pytest.mark.django_db
def test_the_lab_goes_before_the_sandbox_and_gives_way_again(sandbox, tmp_path, monkeypatch):
    urls = sandbox(40000)
    lab = tmp_path / "lab.json"
    real = {"rest_url": "http://127.0.0.1:6820", "jwt_key": "/lab/ned.key", "operator": "tqportal"}
    real["rest_versions"] = ["v0.0.40", "v0.0.42"]
    lab.write_text(json.dumps({"clusters": {"astrolabe-ned": real}}))
    monkeypatch.setenv("TAQSEEM_LAB_STATE", str(lab))
    demo.seed()
    ned = Cluster.objects.get(code="astrolabe-ned")
    assert (ned.url, ned.signer, ned.is_sandbox) == ("http://127.0.0.1:6820", "/lab/ned.key", False)
    assert Cluster.objects.get(code="astrolabe-uet").url == urls["astrolabe-uet"]
    monkeypatch.delenv("TAQSEEM_LAB_STATE")
    demo.seed()
    ned.refresh_from_db()
    assert (ned.url, ned.is_sandbox) == (urls["astrolabe-ned"], True)
