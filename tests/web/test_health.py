"""Health and readiness."""

import pytest
from django.core.cache import cache

from portal.foundation.services import heartbeat
from scheduler_bridge.installation import epoch
from scheduler_bridge.installation.services import sending_stop


@pytest.fixture(autouse=True)
def forget_heartbeats():
    cache.clear()


def test_healthz(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_readyz_names_what_is_missing(client, cast):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"]["ok"]
    assert "no sign of life" in response.json()["worker"]["detail"]


def test_readyz_with_every_part_alive(client, cast):
    for part in ("worker", "beat", "sealer"):
        heartbeat.beat(part)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["sites"]["ned"]["sandbox"] is True


def test_readyz_tells_where_nothing_is_sent_but_not_why(client, cast, monkeypatch):
    sending_stop(actor=cast.admin, cluster=cast.cluster, reason="Somebody broke in")
    told = client.get("/readyz").json()["sending"]
    assert not told["ok"]
    assert told["detail"].endswith("stopped: ned; admins see why under /sending/")
    sending_stop(actor=cast.admin, reason="Audit by the ministry")
    monkeypatch.setattr(epoch, "problem", lambda: "/srv/secret/epoch can't be read")
    detail = client.get("/readyz").json()["sending"]["detail"]
    assert "stopped: ned, all sites" in detail
    assert "resume_dispatch" in detail
    for secret in ("broke in", "ministry", "/srv/secret"):
        assert secret not in client.get("/readyz").content.decode() + client.get("/status/").content.decode()
