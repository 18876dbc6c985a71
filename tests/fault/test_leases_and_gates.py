"""Who slept past a lease writes nothing; a dead cluster is asked once a pause, and holds up nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction

from allocations.awards.services import allocation_close, allocation_revoke
from allocations.ledger.models import Posting
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.models import OutboxRow
from scheduler_bridge import tasks
from scheduler_bridge.accounting import poll as polling
from scheduler_bridge.dispatch import gate, locks
from scheduler_bridge.dispatch.cancel import cancel_requested, note_extra
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.lookup import expire_leases, resolve
from scheduler_bridge.dispatch.loop import drain
from scheduler_bridge.dispatch.send import send
from scheduler_bridge.jobs.services import job_cancel
from scheduler_bridge.models import ClusterGate, DispatchAttempt, Door, ExtraCopy, Job, WorkLease
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import Listing, NoAnswer, Unavailable

pytestmark = [pytest.mark.django_db, pytest.mark.fault]


def in_another_worker(work):
    """On a connection of its own, as another process would have."""

    def call():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def take(name):
    def work():
        with locks.only_one(name) as mine:
            return mine

    return in_another_worker(work)


def run_out(name) -> None:
    """The lease's time passes, as it does while its holder is frozen."""
    WorkLease.objects.filter(name=name).update(expires_at=clock.now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
class TestLease:
    def test_one_at_a_time_and_then_the_next(self):
        with locks.only_one("work") as mine:
            assert mine
            assert not take("work")
            assert take("other")
        assert take("work")

    def test_who_sleeps_past_the_lease_writes_nothing(self):
        with locks.only_one("work") as mine:
            assert mine
            run_out("work")
            assert take("work"), "a frozen worker keeps nobody from the work"
            with pytest.raises(locks.LeaseLost), transaction.atomic():
                locks.keep()

    def test_nobody_takes_it_from_under_a_write(self):
        with locks.only_one("work"):
            run_out("work")
            with transaction.atomic():
                locks.keep()
                run_out("work")
                assert not take("work")

    def test_a_lease_that_nobody_took_goes_on(self):
        with locks.only_one("work"):
            run_out("work")
            locks.keep()
            assert not take("work")

    def test_giving_back_what_has_passed_on_takes_it_from_nobody(self):
        with locks.only_one("work"):
            run_out("work")
            assert take("work")
            WorkLease.objects.update(expires_at=clock.now() + timedelta(minutes=1))
        assert not take("work")


@pytest.fixture
def thawed(monkeypatch):
    """Everything between the answer and the writing takes longer than the lease, and another took over."""

    def freeze(cluster, call, name):
        client = client_for(cluster, lane="send" if call == "submit" else "look")
        plain = getattr(client, call)

        def frozen(*args, **kwargs):
            answer = plain(*args, **kwargs)
            WorkLease.objects.filter(name=name).update(number=99)
            return answer

        monkeypatch.setattr(client, call, frozen)

    return freeze


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


def test_a_stale_poll_writes_nothing(stage, thawed):
    job = stage.submit()
    stage.drain()
    stage.advance(5)
    before = again(job).state
    thawed(stage.cluster, "list_jobs", "poll:ned")
    tasks._on("ned", polling.poll, "poll")
    assert again(job).state == before


def test_a_stale_look_gives_up_no_job(stage, thawed, settings):
    settings.DISPATCH_TOKEN_SECONDS, settings.MISS_INTERVAL_SECONDS = -1, 0
    job = stage.submit()
    claim_batch(stage.cluster, limit=1)
    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    expire_leases()
    thawed(stage.cluster, "accounting_jobs", "lookup:ned")
    for _ in range(3):
        tasks._on("ned", resolve, "lookup", *tasks.BOTH)
    assert again(job).state == "uncertain"
    assert job.first_miss_at is None


def stale_accounting_is_ignored(stage, thawed) -> None:
    job = stage.submit()
    stage.drain()
    stage.advance(700)
    thawed(stage.cluster, "accounting_jobs", "ingest:ned")
    tasks.follow("ned")
    assert again(job).charged == 0, "written though another worker had taken over"
    assert not Posting.objects.filter(kind="charge").exists()


def test_stale_accounting_charges_nothing(stage, thawed):
    stale_accounting_is_ignored(stage, thawed)


def test_a_planted_lease_without_a_number_is_caught(stage, thawed, monkeypatch):
    """A lease that only ends, and fences off nobody: the same check sees what is written late."""
    monkeypatch.setattr(locks, "keep", lambda: None)
    with pytest.raises(AssertionError, match="another worker had taken over"):
        stale_accounting_is_ignored(stage, thawed)


def test_fresh_accounting_charges(stage):
    """The same without the freeze: what the test above relies on."""
    job = stage.submit()
    stage.drain()
    stage.advance(700)
    tasks.follow("ned")
    assert again(job).charged > 0


class Dead:
    """A cluster whose slurmctld is away: every call counts, and fails after what feels like 9 seconds."""

    def __init__(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None
    ) -> None:
        self.calls: list[str] = []
        looking = ("diag", "ping", "list_jobs", "get_job", "accounting_jobs", "accounting_by_id")
        for name in looking:
            monkeypatch.setattr(client_for(cluster), name, self._failing(name, error))
        monkeypatch.setattr(client_for(cluster, lane="send"), "submit", self._failing("submit", error))

    def _failing(self, name, error):
        def fail(*_args, **_kwargs):
            self.calls.append(name)
            raise error or Unavailable(name, "slurmctld is away", code=1800)

        return fail


def end_pause(cluster: Cluster) -> None:
    ClusterGate.objects.filter(cluster=cluster).update(closed_until=clock.now())


def test_a_dead_cluster_is_asked_once_a_pause_by_all_kinds_of_work_together(stage, monkeypatch):
    stage.submit()
    stage.drain()
    stage.submit()
    dead = Dead(stage.cluster, monkeypatch)
    for _ in range(5):
        tasks.dispatch("ned")
        tasks.follow("ned")
    assert len(dead.calls) == 1
    for pause in range(1, 4):
        end_pause(stage.cluster)
        for _ in range(5):
            tasks.follow("ned")
            tasks.dispatch("ned")
        assert dead.calls[1:] == ["diag"] * pause, "one small question a pause"
    assert ClusterGate.objects.get().failures == 4
    assert Cluster.objects.get(code="ned").problem


def test_while_one_asks_the_others_stay_away(stage, monkeypatch):
    gate.shut(stage.cluster, error="away")
    end_pause(stage.cluster)
    admitted = []
    monkeypatch.setattr(
        client_for(stage.cluster), "diag", lambda _: admitted.append(gate.admits(stage.cluster))
    )
    assert gate.admits(stage.cluster)
    assert admitted == [False]
    assert gate.admits(stage.cluster), "open to all after the answer"


def test_an_answer_opens_but_only_work_done_forgets(stage):
    gate.shut(stage.cluster, error="5005")
    gate.shut(stage.cluster, error="5005")
    end_pause(stage.cluster)
    assert gate.admits(stage.cluster)
    assert ClusterGate.objects.get().failures == 2
    stage.submit()
    stage.drain()
    assert ClusterGate.objects.get().failures == 0


def test_slurmdbd_away_stops_accounting_and_not_the_sending(stage, monkeypatch):
    job = stage.submit()
    client = client_for(stage.cluster)

    def away(*_args, **_kwargs):
        raise Unavailable("accounting_jobs", "slurmdbd is away", code=7000)

    monkeypatch.setattr(client, "accounting_jobs", away)
    tasks.follow("ned")
    assert ClusterGate.objects.get().door == Door.ACCOUNTING
    tasks.dispatch("ned")
    assert again(job).state == "queued"


def test_two_lost_answers_in_a_row_end_the_batch(stage, monkeypatch):
    """5005: perhaps a lost reply, perhaps a token that is refused. The rest isn't made uncertain as well."""
    jobs = [stage.submit(gpus=1, cpus=1) for _ in range(8)]
    dead = Dead(stage.cluster, monkeypatch, NoAnswer("submit", "Zero Bytes", status=500, code=5005))
    stage.drain()
    states = [again(job).state for job in jobs]
    assert states.count("uncertain") == len(dead.calls) <= 2 + 4, "those on their way at the second answer"
    assert states.count("approved") == 8 - len(dead.calls) >= 2
    assert {job.attempts.get().outcome for job in jobs} == {"unclear", "not_sent"}


@contextmanager
def counted_transactions():
    seen = []

    def count(execute, sql, params, many, context):
        if "FOR UPDATE" in sql and "scheduler_bridge_job" in sql:
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield seen


def test_a_poll_is_one_transaction_for_many_jobs(stage):
    for _ in range(6):
        stage.submit(gpus=1, cpus=1)
    stage.drain()
    stage.advance(3)
    with counted_transactions() as seen:
        assert polling.poll(stage.cluster) == 6
    assert len(seen) == 1


def test_a_job_that_neither_list_tells_of_is_looked_up(stage, monkeypatch):
    """The accounting had confirmed it; then its controller lost its state."""
    job = stage.submit()
    stage.drain()
    stage.follow()
    assert again(job).confirmed_at
    monkeypatch.setattr(client_for(stage.cluster), "list_jobs", lambda _: Listing(()))
    polling.poll(stage.cluster)
    assert again(job).state in {"queued", "running"}
    Job.objects.update(first_miss_at=clock.now() - polling.VANISHED)
    polling.poll(stage.cluster)
    assert again(job).state == "uncertain"


def two_copies(stage) -> tuple[Job, int, int]:
    """An uncertain job of which the cluster runs two, neither of them known."""
    job = stage.submit(wall_minutes=60)
    [claim] = claim_batch(stage.cluster, limit=1)
    first = send(claim)
    second_try = DispatchAttempt.objects.create(
        job=job, login=job.login, slurm_account=claim.attempt.slurm_account,
        token_expires_at=clock.now() + timedelta(seconds=30),
    )  # fmt: skip
    second = send(type(claim)(claim.job, second_try))
    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    expire_leases()
    return job, first.slurm_job_id, second.slurm_job_id


def states(stage) -> dict[int, str]:
    return {
        row.job_id: str(row.state)
        for row in client_for(stage.cluster).list_jobs(operator_token(stage.cluster))
    }


def test_a_second_copy_found_by_the_look_is_cancelled(stage):
    job, first, second = two_copies(stage)
    resolve(stage.cluster)
    assert again(job).slurm_job_id == first
    assert cancel_requested(stage.cluster) == 1
    assert states(stage)[second] == "CANCELLED"
    assert cancel_requested(stage.cluster) == 0
    assert ExtraCopy.objects.get().gone_at


def test_a_second_copy_is_cancelled_though_the_first_ended_before_the_look(stage):
    job, first, second = two_copies(stage)
    client_for(stage.cluster).cancel(operator_token(stage.cluster), first)
    tasks._on("ned", tasks.ingest, "ingest", *tasks.BOTH)
    assert again(job).state == "cancelled"
    assert states(stage)[second] in {"PENDING", "RUNNING"}
    tasks.follow("ned")
    tasks.follow("ned")
    assert states(stage)[second] == "CANCELLED"


def test_a_copy_of_somebody_elses_is_never_cancelled(stage):
    job, _first, _second = two_copies(stage)
    resolve(stage.cluster)
    ExtraCopy.objects.all().delete()
    other = stage.submit(wall_minutes=60)
    stage.drain()
    note_extra(job.attempts.first(), again(other).slurm_job_id)
    assert cancel_requested(stage.cluster) == 0
    assert states(stage)[other.slurm_job_id] != "CANCELLED"


def test_a_cancelled_job_that_was_never_sent_tells_its_sender(stage):
    job = stage.submit()
    job_cancel(actor=stage.cast.pi, job=job)
    assert OutboxRow.objects.filter(topic="job_ended", payload={"job": job.code}).exists()


def test_a_lowered_charge_goes_back_to_the_pools_of_an_ended_allocation(stage, monkeypatch):
    import msgspec

    job = stage.submit()
    stage.drain()
    stage.advance(700)
    tasks.follow("ned")
    charged = again(job).charged
    allocation = allocation_revoke(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Over")
    allocation_close(allocation=allocation)
    client = client_for(stage.cluster)
    told = client.accounting_jobs(operator_token(stage.cluster), "ned", 0, 4_000_000_000)
    lower = tuple(msgspec.structs.replace(run, elapsed_s=run.elapsed_s - 10) for run in told)
    monkeypatch.setattr(client, "accounting_jobs", lambda *_: Listing(lower))
    tasks.follow("ned")
    assert again(job).charged == charged - 20
    assert (stage.balances.available, stage.balances.spent) == (0, charged - 20)


@pytest.mark.django_db(transaction=True)
def test_one_dead_site_slows_no_other(stage, monkeypatch):
    """Its call is under way, and will be for long: it holds one thread, and the others' work goes on."""
    from tests.cast import site

    dead = site("quetta").cluster
    Cluster.objects.filter(pk=dead.pk).update(url=stage.cluster.url + "/", signer=stage.cluster.signer)
    dead.refresh_from_db()
    asked, answer, order = threading.Event(), threading.Event(), []

    def hang(*_args, **_kwargs):
        order.append("asked the dead one")
        asked.set()
        answer.wait(30)
        order.append("the dead one was given up on")
        raise Unavailable("ping", "slurmctld is away", code=1800)

    client = client_for(dead)
    assert client is not client_for(stage.cluster)
    for name in ("diag", "ping", "list_jobs", "accounting_jobs"):
        monkeypatch.setattr(client, name, hang)
    monkeypatch.setattr(client_for(dead, lane="send"), "submit", hang)
    jobs = [stage.submit(gpus=1, cpus=1) for _ in range(3)]

    def work(task, code):
        try:
            task(code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        hanging = pool.submit(work, tasks.follow, "quetta")
        assert asked.wait(20)
        others = [pool.submit(work, task, "quetta") for task in (tasks.follow,) * 3]
        for _ in range(2):
            work(tasks.dispatch, "ned")
            work(tasks.follow, "ned")
        order.append("the others' jobs are sent")
        assert all(again(job).state in {"queued", "running"} for job in jobs)
        assert not hanging.done()
        answer.set()
        for future in (hanging, *others):
            future.result()
    assert order[0] == "asked the dead one"
    assert order.index("the others' jobs are sent") < order.index("the dead one was given up on")
    assert drain(stage.cluster) == 0
