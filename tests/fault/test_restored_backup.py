"""A database restored from a backup has forgotten what was sent since: it sends nothing before it looked."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from datacenters.models import Cluster
from portal.foundation.models import AuditRow
from portal.web.health import readiness
from scheduler_bridge import tasks
from scheduler_bridge.installation import epoch, standing
from scheduler_bridge.models import DispatchAttempt, Installation, Job, SendingStop
from scheduler_bridge.provisioning.reconcile import reconcile
from tests.fault.workers import Workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault]


@pytest.fixture(autouse=True)
def environment(settings, tmp_path, cast):
    """An environment with an epoch of its own; short fences."""
    settings.EPOCH_FILE = tmp_path / "state" / "epoch.json"
    settings.DISPATCH_TOKEN_SECONDS, settings.MISS_INTERVAL_SECONDS = 2, 0.2
    assert epoch.begin()


@contextmanager
def backup() -> Iterator[str]:
    """The database as it is now, under another name."""
    name = f"{connection.settings_dict['NAME']}_backup"
    connection.close()
    with connection._nodb_cursor() as cursor:
        drop(cursor, name)
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {connection.settings_dict['NAME']}")
    yield name
    connection.close()
    with connection._nodb_cursor() as cursor:
        drop(cursor, name)


def drop(cursor: Any, name: str) -> None:
    """Our own connections end; WITH (FORCE) would also want to end a vacuum, which isn't ours to end."""
    ours = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = current_user"
    cursor.execute(f"SELECT pg_terminate_backend(pid) FROM ({ours}) AS ours", [name])
    cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@contextmanager
def restored(name: str) -> Iterator[None]:
    """The backup takes the database's place."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


@contextmanager
def worker(directory) -> Iterator[Workers]:
    workers = Workers(directory)
    try:
        workers.start()
        yield workers
    finally:
        workers.end()


@contextmanager
def forgetful(stage) -> Iterator[Job]:
    """A job that was sent after the backup, which is in place now and has it as still to be sent."""
    early = stage.submit()
    stage.drain()
    job = stage.submit()
    with backup() as name:
        tasks.tick()
        tasks.dispatch("ned")
        assert [stage.copies(early), stage.copies(job)] == [1, 1]
        with restored(name):
            job.refresh_from_db()
            assert job.state == "approved"
            yield job


def work_a_while(workers: Workers) -> None:
    """Until a real worker has tried three times over to send and to follow."""
    done = [workers.said(f"scheduler_bridge.tasks.{name}[") for name in ("dispatch", "follow")]
    workers.until(
        lambda: all(
            workers.said(f"scheduler_bridge.tasks.{name}[") >= before + 6
            for name, before in zip(("dispatch", "follow"), done, strict=True)
        ),
        "the worker does nothing",
    )


def test_a_restored_database_sends_nothing_until_it_has_looked(stage, tmp_path):
    with forgetful(stage) as job:
        with worker(tmp_path) as workers:
            work_a_while(workers)
            assert stage.copies(job) == 1, "not sent again"
            assert not DispatchAttempt.objects.filter(job=job).exists()
            call_command("resume_dispatch", stdout=StringIO())
            workers.until(lambda: again(job).state in {"queued", "running"}, "it wasn't taken in")
            later = stage.submit()
            workers.until(lambda: stage.copies(later) == 1, "work doesn't go on")
        assert stage.copies(job) == 1
        assert again(job).attempts.get().slurm_job_id == job.slurm_job_id
        stage.advance(700)
        tasks.follow("ned")
        assert again(job).state in {"completed", "timeout"}
        assert job.charged > 0


def test_without_the_guard_it_sends_twice(stage, tmp_path, settings):
    """The same database, the same worker: what the test above would see."""
    with forgetful(stage) as job:
        settings.EPOCH_FILE = None
        with worker(tmp_path) as workers:
            work_a_while(workers)
        assert stage.copies(job) == 2


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


def test_it_tells_why_and_stays_behind_whatever_is_written_meanwhile(stage):
    with forgetful(stage):
        assert "backup" in epoch.problem()
        behind = epoch.read()
        for number in range(behind.audit + 5):
            AuditRow.objects.create(action="sign_in", object_type="user", object_code=str(number))
        stage.submit()
        assert "backup" in epoch.problem()
        _ready, parts = readiness()
        assert not parts["sending"]["ok"]
        assert "resume_dispatch" in parts["sending"]["detail"]


def test_limits_and_cancels_stay_off_too(stage, monkeypatch):
    touched = []
    with forgetful(stage) as job:
        monkeypatch.setattr(tasks, "reconcile", lambda *_, **__: touched.append("limits"))
        monkeypatch.setattr(tasks, "cancel_requested", lambda _: touched.append("cancel") or 0)
        tasks.provision(stage.allocation.code)
        tasks.follow("ned")
        assert touched == []
        call_command("resume_dispatch", stdout=StringIO())
        tasks.provision(stage.allocation.code)
        tasks.follow("ned")
        assert touched == ["limits", "cancel"]
        assert stage.copies(job) == 1


@pytest.fixture
def second(stage) -> Cluster:
    """A cluster that nobody can reach, with an open job."""
    from tests.cast import site

    cluster = site("quetta").cluster
    job = stage.submit()
    Job.objects.filter(pk=job.pk).update(cluster=cluster)
    return cluster


def test_a_cluster_that_cant_be_looked_at_is_named_or_left_out(stage, second):
    with forgetful(stage) as job:
        with pytest.raises(CommandError, match="quetta can't be looked at"):
            call_command("resume_dispatch", stdout=StringIO())
        assert epoch.problem()
        assert Installation.objects.get().epoch == epoch.read().epoch
        call_command("resume_dispatch", "--without", "quetta", stdout=StringIO())
        assert not epoch.problem()
        assert standing.may_send(stage.cluster)
        assert not standing.may_send(second)
        assert not standing.may_change(second)
        with pytest.raises(CommandError, match="looked up first"):
            call_command("sending", "resume", "--cluster", "quetta", "--reason", "please", stdout=StringIO())
        second.url, second.signer = stage.cluster.url, stage.cluster.signer
        second.slurm_name = "ned"
        second.save()
        call_command("resume_dispatch", stdout=StringIO())
        assert not SendingStop.objects.exists()
        assert stage.copies(job) == 1


def test_an_incomplete_answer_is_no_look(stage):
    with forgetful(stage):
        stage.fault("empty", route="jobs", times=1)
        with pytest.raises(CommandError, match="ned can't be looked at"):
            call_command("resume_dispatch", stdout=StringIO())
        assert epoch.problem()


def test_a_clone_elsewhere_sends_nothing(stage, settings, tmp_path):
    stage.submit()
    settings.EPOCH_FILE = tmp_path / "elsewhere" / "epoch.json"
    assert "missing" in epoch.problem()
    assert not epoch.begin(), "a copy is no first start"
    assert stage.drain() == 0
    settings.INSTALLATION = "test"
    assert "belongs to installation" in epoch.problem()
    with pytest.raises(CommandError, match="TAQSEEM_INSTALLATION=pk"):
        call_command("resume_dispatch", stdout=StringIO())


def test_a_file_that_cant_be_written_sends_nothing(stage, settings, monkeypatch):
    job = stage.submit()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(epoch, "_write", full)
    stage.drain()
    assert stage.copies(job) == 0
    assert again(job).state == "approved"


def test_the_attempt_is_noted_before_it_is_sent(stage, monkeypatch):
    from scheduler_bridge.dispatch import loop

    noted = []
    send = loop.send

    def watching(claim):
        noted.append(epoch.read().attempt >= claim.attempt.pk)
        return send(claim)

    monkeypatch.setattr(loop, "send", watching)
    stage.submit()
    stage.drain()
    assert noted == [True]


def test_an_ordinary_day_is_none_of_this(stage):
    """Restarts, retries, more work: the file and the database go on together."""
    for _ in range(3):
        stage.submit()
        tasks.tick()
        tasks.dispatch("ned")
        assert epoch.problem() == ""
    assert not epoch.begin()
    reconcile(stage.fresh_allocation())
    call_command("installation_begin", stdout=StringIO())
    assert epoch.problem() == ""
