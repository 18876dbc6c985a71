"""A write under an Idempotency-Key: done once, or not at all; a key never outlives a request that failed."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from rest_framework.test import APIClient

from allocations.projects.models import Project
from portal.foundation.api import IdempotentWrites
from portal.foundation.models import IdempotencyKey

HEADER = {"Idempotency-Key": "one"}


def body(cast) -> dict[str, str]:
    return {
        "organisation": cast.organisation.code,
        "title": "Flood maps",
        "abstract": "Maps floods from space.",
        "sector": "climate",
        "data_class": "open",
    }


def client(cast) -> APIClient:
    api = APIClient()
    api.force_authenticate(cast.pi)
    return api


@pytest.mark.django_db
@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
def test_killed_before_the_reply_was_kept(cast, monkeypatch, end):
    """What the first try did is undone with its key: the next one does it, and once."""

    def killed(*_args):
        raise end

    before = Project.objects.count()
    with monkeypatch.context() as dying:
        dying.setattr(IdempotentWrites, "_keep", killed)
        with pytest.raises(end):
            client(cast).post("/api/v1/projects/", body(cast), format="json", headers=HEADER)
    assert Project.objects.count() == before
    assert not IdempotencyKey.objects.exists()
    reply = client(cast).post("/api/v1/projects/", body(cast), format="json", headers=HEADER)
    assert reply.status_code == 201
    assert Project.objects.count() == before + 1


@pytest.mark.django_db
def test_a_fault_of_ours_frees_the_key(cast, monkeypatch):
    monkeypatch.setattr("portal.foundation.services.audit.record", lambda **_: 1 / 0)
    api = client(cast)
    api.raise_request_exception = False
    assert api.post("/api/v1/projects/", body(cast), format="json", headers=HEADER).status_code == 500
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_both_at_once_are_one(cast):
    barrier = Barrier(2)

    def post(_):
        try:
            api = client(cast)
            barrier.wait()
            return api.post("/api/v1/projects/", body(cast), format="json", headers=HEADER)
        finally:
            connection.close()

    before = Project.objects.count()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(post, range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert Project.objects.count() == before + 1
