"""Health and readiness."""

import pytest
from django.core.cache import cache

from portal.foundation.services import heartbeat


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
