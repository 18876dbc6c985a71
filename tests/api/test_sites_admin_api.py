"""Adding sites, clusters and resources over the API, as on the pages."""

import pytest

from datacenters.models import Cluster, Resource, Site
from portal.foundation.models import AuditRow

SITE = {"code": "quantum", "name": "Quantum Valley"}
CLUSTER = {
    "site": "quantum",
    "code": "quantum",
    "slurm_name": "quantum",
    "url": "http://10.0.0.7:6820",
    "signer": "quantum.key",
}
RESOURCE = {
    "site": "quantum",
    "code": "quantum-h200",
    "name": "Quantum H200",
    "gpu_model": "NVIDIA H200",
    "gres_type": "h200",
    "partition": "gpu",
    "gpu_count": 8,
}


@pytest.fixture
def keys(settings, tmp_path):
    settings.KEYS_DIR = tmp_path
    (tmp_path / "quantum.key").write_bytes(b"k" * 32)


def post(client, kind, body, **extra):
    return client.post(f"/api/v1/{kind}/", body, format="json", **extra)


def test_an_admin_adds_all_of_a_site_each_once(cast, api, keys):
    client = api(cast.admin)
    for kind, body in (("sites", SITE), ("clusters", CLUSTER), ("resources", RESOURCE)):
        key = {"HTTP_IDEMPOTENCY_KEY": f"add-{kind}"}
        first, again = post(client, kind, body, **key), post(client, kind, body, **key)
        assert first.status_code == 201, first.json()
        assert (again.status_code, again.headers["Idempotent-Replay"]) == (201, "true")
        assert first.json() == again.json()
    shown = client.get("/api/v1/sites/quantum/").json()
    assert (shown["kind"], shown["resources"]) == ("bridged", ["quantum-h200"])
    assert (shown["cluster"]["is_enabled"], shown["cluster"]["signer"]) == (False, "quantum.key")
    assert Resource.objects.get(code="quantum-h200").cluster == Cluster.objects.get(code="quantum")
    assert AuditRow.objects.filter(channel="api").count() == 3


def test_a_second_cluster_is_refused_kindly(cast, api, keys):
    reply = post(api(cast.admin), "clusters", CLUSTER | {"site": "ned"})
    assert reply.status_code == 409
    assert "has a cluster already" in reply.json()["errors"][0]["detail"]


@pytest.mark.parametrize("who", [None, "site_manager", "pi", "auditor", "outsider"])
def test_nobody_else_adds_sites_and_clusters(cast, api, keys, who):
    client = api(getattr(cast, who) if who else None)
    Site.objects.create(**SITE)
    for kind, body in (("sites", SITE | {"code": "other"}), ("clusters", CLUSTER), ("resources", RESOURCE)):
        assert post(client, kind, body).status_code == (403 if who else 401)
    changes = client.patch("/api/v1/clusters/ned/", {"url": "http://10.0.0.1:1"}, format="json")
    assert changes.status_code == {None: 401, "site_manager": 403}.get(who, 404)
    assert Cluster.objects.get().url == "http://127.0.0.1:9"
    assert (Site.objects.count(), Resource.objects.count()) == (2, 1)


def test_a_manager_keeps_the_own_site(cast, api):
    client = api(cast.site_manager)
    assert client.patch("/api/v1/sites/ned/", {"city": "Lahore"}, format="json").json()["city"] == "Lahore"
    reply = client.patch("/api/v1/resources/ned-h100/", {"max_gpus_per_job": 4}, format="json")
    assert reply.json()["max_gpus_per_job"] == 4
    assert client.patch("/api/v1/sites/ned/", {"kind": "unbridged"}, format="json").status_code == 403
    assert [one["code"] for one in client.get("/api/v1/clusters/").json()["results"]] == ["ned"]
    assert api(cast.pi).get("/api/v1/clusters/").json()["count"] == 0


def test_an_admin_changes_and_switches_off(cast, api):
    client = api(cast.admin)
    change = {"url": "http://10.0.0.9:6820", "is_enabled": False}
    shown = client.patch("/api/v1/clusters/ned/", change, format="json").json()
    assert (shown["url"], shown["is_enabled"], shown["health"]) == ("http://10.0.0.9:6820", False, "off")


def test_nobody_switches_on_past_the_preflight(cast, api):
    client = api(cast.admin)
    Cluster.objects.update(is_sandbox=False)
    shown = client.patch("/api/v1/clusters/ned/", {"url": "http://10.0.0.9:6820"}, format="json").json()
    assert (shown["url"], shown["is_enabled"]) == ("http://10.0.0.9:6820", False)
    reply = client.patch("/api/v1/clusters/ned/", {"is_enabled": True}, format="json")
    assert reply.status_code == 400
    (error,) = reply.json()["errors"]
    assert error["field"] == "is_enabled"
    assert "preflight" in error["detail"]
    assert "switch-on" in error["detail"]
    assert not Cluster.objects.get().is_enabled


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("sites", SITE | {"code": "Not plain"}, "code"),
        ("sites", SITE | {"code": "ned"}, "code"),
        ("sites", SITE | {"kind": "floating"}, "kind"),
        ("clusters", CLUSTER | {"site": "nowhere"}, "site"),
        ("clusters", CLUSTER | {"site": "bare", "url": "ftp://x"}, "url"),
        ("clusters", CLUSTER | {"site": "bare", "signer": "nonesuch.key"}, "signer"),
        ("clusters", CLUSTER | {"site": "bare", "signer": ""}, "signer"),
        ("resources", RESOURCE | {"site": "bare", "partition": ""}, "partition"),
        ("resources", RESOURCE | {"site": "bare", "gpu_count": 0}, None),
        ("resources", RESOURCE | {"site": "bare", "max_gpus_per_job": 9}, "max_gpus_per_job"),
    ],
)
def test_wrong_input_names_the_field(cast, api, keys, kind, body, field):
    Site.objects.create(code="bare", name="Bare")
    reply = post(api(cast.admin), kind, body)
    assert reply.status_code == 400, reply.json()
    if field:
        assert reply.json()["errors"][0]["field"] == field
    assert not Cluster.objects.filter(site__code="bare").exists()
