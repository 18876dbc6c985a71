"""Limits that change, on a cluster that changes them in place and on one that doesn't."""

import secrets
import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings

from allocations.awards.services import (
    allocation_adjust,
    allocation_resume,
    allocation_revoke,
    allocation_suspend,
)
from allocations.ledger import services as ledger
from datacenters.models import Capacity, Cluster
from datacenters.services import capacity_set, cluster_update
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import InvalidInput
from portal.foundation.errors import Refused as NotPossible
from portal.notices.models import Notice
from scheduler_bridge import tasks
from scheduler_bridge.models import JobRun, ProvisioningRun, SiteLogin
from scheduler_bridge.provisioning.desired import desired, out_of_line, parent_account
from scheduler_bridge.provisioning.drift import drift_of, drifted
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sandbox.config import ClusterConfig, PartitionConfig, SandboxConfig
from scheduler_bridge.sandbox.server import SandboxServer
from scheduler_bridge.sites.clients import client_for, operator_token, signer_for
from scheduler_bridge.slurm_rest_client import GPU, Association, AssociationLimits, JobSpec, JobState, Refused
from tests.bridge_stage import Stage, set_stage
from tests.requesting import fund

pytestmark = pytest.mark.django_db

VERSIONS = {"22.05": "v0.0.38", "24.11": "v0.0.42"}
HOUR = 3600


class SlurmStage(Stage):
    release = ""

    @property
    def in_place(self) -> bool:
        return self.release != "22.05"

    @property
    def account(self) -> str:
        return self.allocation.bindings.order_by("generation").last().slurm_account

    def slurm(self, account: str = "", user: str = "") -> Association | None:
        client, token = client_for(self.cluster), operator_token(self.cluster)
        return client.association(token, self.cluster.slurm_name, account or self.account, user)

    def minutes(self) -> int:
        return self.slurm().limits.gpu_minutes

    def send(self, login: str, *, gpus: int = 1, minutes: int = 10, account: str = "") -> int:
        """Past the portal, as sbatch would."""
        spec = JobSpec(
            name="direct",
            account=account or self.account,
            partition="gpu",
            cwd="/tmp",
            gpus=gpus,
            gpu_type="h100",
            script="#!/bin/bash\nsleep 3000\n",
            time_limit_minutes=minutes,
        )
        token = signer_for(self.cluster).mint(login, 4_000_000_000)
        return client_for(self.cluster).submit(token, spec).job_id

    def live(self, number: int):
        return client_for(self.cluster).get_job(operator_token(self.cluster), number)

    def reconcile(self) -> ProvisioningRun:
        run = reconcile(self.fresh_allocation())
        assert (run.error, run.remedies) == ("", [])
        assert reconcile(self.fresh_allocation()).actions == [], "once is enough"
        return run

    def adjust(self, gpu_seconds: int) -> None:
        allocation_adjust(
            actor=self.cast.admin,
            allocation=self.fresh_allocation(),
            gpu_seconds=gpu_seconds,
            reason="As asked",
            key=uuid.uuid4().hex,
        )


@pytest.fixture(params=VERSIONS)
def both(request, cast, tmp_path) -> Iterator[SlurmStage]:
    """100 GPU-hours, the PI linked as `pi`."""
    key = tmp_path / "ned.key"
    key.write_bytes(secrets.token_bytes(32))
    config = ClusterConfig(
        name="ned",
        jwt_key_file=str(key),
        partitions=(PartitionConfig(name="gpu", nodes=2, gpus_per_node=8),),
        release=request.param,
    )
    with SandboxServer(SandboxConfig(clusters=(config,), slurmdb_lag_s=0)) as server:
        cast.cluster.url, cast.cluster.signer = server.urls["ned"], str(key)
        cast.cluster.api_version = VERSIONS[request.param]
        cast.cluster.save()
        SiteLogin.objects.create(user=cast.pi, site=cast.site, login="pi")
        made = set_stage(cast, cast.cluster)
        stage = SlurmStage(made.cast, made.cluster, made.allocation, made.granted)
        stage.release = request.param
        fund(cast.resource)
        yield stage


def raised_while_running(stage: SlurmStage) -> tuple[int, int]:
    """One job runs, one waits for more than there is, and the award is raised. Returns both jobs' numbers."""
    running = stage.send("pi", gpus=2, minutes=60)  # may cost 2 GPU-hours
    waiting = stage.send("pi", gpus=8, minutes=1440)  # 192 GPU-hours
    stage.follow()
    assert (stage.live(running).state, stage.live(waiting).state) == (JobState.RUNNING, JobState.PENDING)
    stage.adjust(200 * HOUR)
    stage.reconcile()
    return running, waiting


def test_a_raise_lets_start_what_waited(both):
    stage = both
    running, waiting = raised_while_running(stage)
    stage.advance(1)
    assert stage.live(waiting).state is JobState.RUNNING
    assert stage.live(running).state is JobState.RUNNING
    if stage.in_place:
        assert (stage.account[-2:], stage.minutes()) == ("g1", 300 * 60)
        return
    assert stage.account.endswith("g2")
    assert stage.minutes() == (300 - 2) * 60, "what still runs in the first generation is spent once only"
    assert stage.live(waiting).account == stage.account
    first = stage.account[:-1] + "1"
    assert stage.slurm(first, "pi").limits.max_submit_jobs == 0
    assert stage.slurm(first, "pi").limits.max_active_jobs == 0
    with pytest.raises(Refused):
        stage.send("pi", account=first)


def test_runs_of_every_generation_are_charged(both):
    stage = both
    running, waiting = raised_while_running(stage)
    stage.advance(600)
    for number in (running, waiting):
        client_for(stage.cluster).cancel(operator_token(stage.cluster), number)
    stage.follow()
    runs = JobRun.objects.filter(allocation=stage.allocation)
    assert {run.slurm_job_id for run in runs} == {running, waiting}
    assert stage.balances.spent == sum(run.charged for run in runs) > 10 * 600
    assert len({run.slurm_account for run in runs}) == (1 if stage.in_place else 2)


def test_what_an_earlier_generation_left_over_comes_back_once_nothing_runs(both):
    stage = both
    running, waiting = raised_while_running(stage)
    stage.advance(60)
    stage.follow()
    client = client_for(stage.cluster)
    client.cancel(operator_token(stage.cluster), running)
    stage.follow()
    assert out_of_line() == [], "while something runs, a new generation would only shift the rest"
    client.cancel(operator_token(stage.cluster), waiting)
    stage.follow()
    if stage.in_place:
        assert out_of_line() == []
        return
    assert out_of_line() == [stage.allocation.code]
    stage.reconcile()
    assert stage.account.endswith("g3")
    assert stage.minutes() == (stage.balances.granted - stage.balances.spent) // 60
    assert out_of_line() == []


def test_lowering_never_takes_what_is_held_or_spent(both):
    stage = both
    job = stage.submit(gpus=2, wall_minutes=60)
    stage.reconcile()
    with pytest.raises(NotPossible) as refusal:
        stage.adjust(-99 * HOUR)
    assert refusal.value.figures["most"] == 98 * HOUR
    stage.adjust(-98 * HOUR)
    stage.reconcile()
    assert stage.minutes() == 2 * 60
    assert stage.drain() == 1
    job.refresh_from_db()
    assert job.slurm_account == stage.account
    stage.follow()
    job.refresh_from_db()
    assert job.state == "running"


def test_a_job_of_the_portal_is_known_after_it_was_moved(both):
    stage = both
    stage.send("pi", gpus=8, minutes=60)
    stage.send("pi", gpus=8, minutes=60)  # both nodes are taken
    job = stage.submit(gpus=2, wall_minutes=10)
    stage.drain()
    stage.follow()
    job.refresh_from_db()
    assert job.state == "queued"
    stage.adjust(HOUR)
    stage.reconcile()
    job.refresh_from_db()
    assert (job.state, job.slurm_account) == ("queued", stage.account)
    for live in client_for(stage.cluster).list_jobs(operator_token(stage.cluster)):
        if live.name == "direct":
            client_for(stage.cluster).cancel(operator_token(stage.cluster), live.job_id)
    stage.follow()
    job.refresh_from_db()
    assert job.state == "running"
    stage.advance(600)
    stage.follow()
    job.refresh_from_db()
    assert job.has_ended
    assert job.charged > 0
    assert stage.copies(job) == 1


def test_a_refund_raises_the_limit(both):
    stage = both
    number = stage.send("pi", gpus=1, minutes=60)
    stage.advance(1200)
    client_for(stage.cluster).cancel(operator_token(stage.cluster), number)
    stage.follow()
    stage.reconcile()
    assert stage.minutes() == 100 * 60, "an ordinary charge changes nothing"
    run = JobRun.objects.get(slurm_job_id=number)
    ledger.refund_post(
        allocation_code=stage.allocation.code, run_key=run.key, gpu_seconds=600, key="refund", reason="Node"
    )
    assert out_of_line() == [stage.allocation.code]
    stage.reconcile()
    used_here = run.charged if stage.in_place else 0
    assert stage.minutes() == (100 * HOUR - run.charged + 600 + used_here) // 60


def test_suspended_resumed_revoked_by_real_effect(both):
    stage = both
    cast = stage.cast
    other, running, waiting = (stage.send("pi", gpus=8, minutes=60) for _ in range(3))
    stage.follow()
    assert stage.live(waiting).state is JobState.PENDING
    allocation_suspend(actor=cast.admin, allocation=stage.fresh_allocation(), reason="Under inquiry")
    assert out_of_line() == [stage.allocation.code]
    stage.reconcile()
    assert out_of_line() == []
    level = "" if stage.in_place else "pi"
    assert stage.slurm(user=level).limits.max_submit_jobs == 0
    assert stage.slurm(user=level).limits.max_active_jobs == 0
    assert stage.minutes() == 6000, "the budget was sent again"
    with pytest.raises(Refused) as refusal:
        stage.send("pi")
    assert refusal.value.code == 2050
    client_for(stage.cluster).cancel(operator_token(stage.cluster), running)
    stage.follow()
    assert stage.live(waiting).state is JobState.PENDING, "it may not start, and isn't lost"

    allocation_resume(actor=cast.admin, allocation=stage.fresh_allocation(), reason="Cleared")
    stage.reconcile()
    stage.advance(1)
    assert stage.live(waiting).state is JobState.RUNNING
    assert stage.live(other).state is JobState.RUNNING
    late = stage.send("pi", gpus=8, minutes=60)
    allocation_revoke(actor=cast.admin, allocation=stage.fresh_allocation(), reason="Misuse")
    run = reconcile(stage.fresh_allocation())
    assert run.error == ""
    assert stage.live(late).state is JobState.CANCELLED
    assert stage.live(waiting).state is JobState.RUNNING, "what runs may finish"
    with pytest.raises(Refused):
        stage.send("pi")
    assert out_of_line() == []


def test_a_suspended_one_opens_no_generation(both):
    stage = both
    allocation_suspend(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Under inquiry")
    stage.reconcile()
    stage.adjust(50 * HOUR)
    stage.reconcile()
    assert stage.account.endswith("g1")
    allocation_resume(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Cleared")
    stage.reconcile()
    assert stage.minutes() == 150 * 60


def test_a_claimed_job_that_meets_a_stopped_account_is_put_back(both):
    stage = both
    job = stage.submit()
    name = stage.account
    level = AssociationLimits(max_submit_jobs=0)
    client_for(stage.cluster).upsert_association(
        operator_token(stage.cluster), "ned", name, level, user="pi", parent=name
    )
    stage.drain()
    job.refresh_from_db()
    assert job.state == "approved"
    assert "job submit limit" in job.reason
    assert stage.copies(job) == 0


# --- drift ------------------------------------------------------------------------------------------
def test_a_dry_run_tells_and_touches_nothing(both):
    stage = both
    meddle(stage)
    [line] = drift_of([stage.fresh_allocation()], stage.cluster)
    assert not line.is_in_line
    assert any("pi" in action for action in line.actions)
    assert line.desired["limit_minutes"] == 6000
    assert stage.slurm(user="pi").limits.max_submit_jobs == 7
    assert ProvisioningRun.objects.count() == 1, "that of the beginning"


def meddle(stage: SlurmStage) -> None:
    """What a site's admin might do with sacctmgr."""
    client_for(stage.cluster).upsert_association(
        operator_token(stage.cluster),
        "ned",
        stage.account,
        AssociationLimits(max_submit_jobs=7),
        user="pi",
        parent=stage.account,
    )


def pass_over(stage: SlurmStage) -> list[str]:
    """What the periodic pass does."""
    codes = drifted(Cluster.objects.get(pk=stage.cluster.pk))
    for _ in codes:
        reconcile(stage.fresh_allocation(), is_drift=True)
    return codes


def test_drift_is_put_right_recorded_and_told_once(both):
    stage = both
    assert pass_over(stage) == []
    meddle(stage)
    assert out_of_line() == [], "the portal knew of nothing"
    assert pass_over(stage) == [stage.allocation.code]
    assert stage.slurm(user="pi").limits.max_submit_jobs is None
    assert pass_over(stage) == []
    assert ProvisioningRun.objects.first().is_drift
    told = Notice.objects.filter(kind="provisioning_drift")
    assert [notice.user for notice in told] == [stage.cast.site_manager]


def test_what_stays_wrong_is_recorded_once(both):
    stage = both
    Cluster.objects.filter(pk=stage.cluster.pk).update(url="http://127.0.0.1:9")
    for _ in range(3):
        reconcile(stage.fresh_allocation())
    assert ProvisioningRun.objects.exclude(error="").count() == 1
    assert pass_over(stage) == []
    assert not Notice.objects.filter(kind="provisioning_drift").exists()


def test_a_foreign_slurm_account_of_the_same_name_is_refused(both):
    stage = both
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    stage.allocation.bindings.all().delete()
    client.upsert_account(
        token, desired(stage.fresh_allocation()).slurm_account, description="x", organization="hpc"
    )
    before = stage.slurm(desired(stage.fresh_allocation()).slurm_account)
    run = reconcile(stage.fresh_allocation())
    assert "the portal didn't make it" in run.error
    assert "Adopt it" in run.error
    assert not stage.allocation.bindings.exists()
    assert stage.slurm(desired(stage.fresh_allocation()).slurm_account) == before
    assert Notice.objects.filter(kind="provisioning_drift").count() == 1
    reconcile(stage.fresh_allocation())
    assert Notice.objects.filter(kind="provisioning_drift").count() == 1


# --- a share lent -----------------------------------------------------------------------------------
def test_a_share_bounds_capacity_and_stands_above_all(both):
    stage, admin = both, both.cast.admin
    assert stage.slurm(parent_account()).limits.group_tres == {}
    assert stage.slurm().parent == parent_account()
    Capacity.objects.update(gpu_seconds=8000 * HOUR)
    cluster = cluster_update(actor=admin, cluster=stage.cluster, lent_percent=30, reason="As agreed")
    stage.cluster = cluster
    resource = stage.fresh_allocation().resource
    assert (cluster.lent_gpus, resource.lent_gpus) == (4, 4)
    quarter = Quarter.of(clock.today())
    with pytest.raises(InvalidInput) as refusal:
        capacity_set(
            actor=admin,
            resource=resource,
            quarter=quarter,
            gpu_seconds=4 * quarter.days * 86_400 + 1,
            reason="Too much",
        )
    assert refusal.value.figures["most_gpu_seconds"] == 4 * quarter.days * 86_400
    run = reconcile(stage.fresh_allocation())
    if stage.in_place:
        assert stage.slurm(parent_account()).limits.group_tres == {GPU: 4}
        assert reconcile(stage.fresh_allocation()).actions == []
    else:
        # 22.05 doesn't change it: the site's admin is told the command.
        name = parent_account()
        assert run.remedies == [
            f"sacctmgr modify account where name={name} cluster=ned set GrpTRES=gres/gpu=4"
        ]
        assert ProvisioningRun.objects.count() == 2
        reconcile(stage.fresh_allocation())
        assert ProvisioningRun.objects.count() == 2


def test_a_smaller_share_than_planned_is_refused(both):
    # 10,000 GPU-hours a quarter are planned; one GPU of sixteen gives about 2,200.
    with pytest.raises(InvalidInput) as refusal:
        cluster_update(actor=both.cast.admin, cluster=both.cluster, lent_percent=6, reason="Less")
    assert refusal.value.field == "lent_percent"
    assert Cluster.objects.get(pk=both.cluster.pk).lent_percent == 100


def test_one_made_before_comes_under_the_parent(both):
    stage = both
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    binding = stage.allocation.bindings.get()
    client.upsert_account(token, "tqoldg1", description="Taqseem allocation", organization="taqseem")
    limits = AssociationLimits(group_tres_minutes={GPU: 6000})
    client.upsert_association(token, "ned", "tqoldg1", limits, parent="root")
    client.upsert_association(token, "ned", "tqoldg1", AssociationLimits(), user="pi", parent="tqoldg1")
    binding.slurm_account = "tqoldg1"
    binding.save()
    if stage.in_place:
        stage.reconcile()
        assert stage.slurm("tqoldg1").parent == parent_account()
        return
    assert reconcile(stage.fresh_allocation()).actions == []
    Capacity.objects.update(gpu_seconds=8000 * HOUR)
    stage.cluster = cluster_update(
        actor=stage.cast.admin, cluster=stage.cluster, lent_percent=30, reason="So"
    )
    remedies = reconcile(stage.fresh_allocation()).remedies
    assert f"sacctmgr modify account where name=tqoldg1 cluster=ned set parent={parent_account()}" in remedies


def test_other_limits_on_an_unchangeable_account_are_told(both):
    stage = both
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    binding = stage.allocation.bindings.get()
    limits = AssociationLimits(group_tres_minutes={GPU: 6000}, group_tres={GPU: 1}, max_active_jobs=2)
    client.upsert_account(token, "tqoldg1")
    client.upsert_association(token, "ned", "tqoldg1", limits, parent=parent_account())
    binding.slurm_account = "tqoldg1"
    binding.save()
    run = reconcile(stage.fresh_allocation())
    if stage.in_place:
        assert stage.slurm("tqoldg1").limits == AssociationLimits(group_tres_minutes={GPU: 6000})
        return
    assert run.remedies == [
        "sacctmgr modify account where name=tqoldg1 cluster=ned set GrpTRES=gres/gpu=-1 MaxJobs=-1"
    ]


def test_the_periodic_pass_wakes_the_workers(both, monkeypatch):
    """The names in the schedule are those of tasks, and lead to what changed."""
    stage = both
    meddle(stage)
    for task in ("compare", "provision"):
        run = getattr(tasks, task)
        monkeypatch.setattr(run, "apply_async", lambda arguments, expires, run=run: run(*arguments))
    assert set(settings.CELERY_BEAT_SCHEDULE["compare"]["task"].split(".")[-1:]) == {"compare_all"}
    tasks.compare_all()
    assert stage.slurm(user="pi").limits.max_submit_jobs is None
    assert ProvisioningRun.objects.first().is_drift
