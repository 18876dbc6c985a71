"""One job's way through the bridge, on the sandbox: from the form's checks to the charge."""

import pytest

from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow
from scheduler_bridge.dispatch.cancel import cancel_requested
from scheduler_bridge.jobs.services import job_cancel, job_cost
from scheduler_bridge.models import Job, JobRun
from scheduler_bridge.placement.rules import Size
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.clients import client_for, operator_token

pytestmark = pytest.mark.django_db


def actions(job: Job) -> list[str]:
    rows = AuditRow.objects.filter(object_code=job.code).order_by("pk")
    return list(rows.values_list("action", flat=True))


def test_an_award_becomes_a_limit_that_was_read_back(stage):
    assert stage.allocation.state == "active"
    binding = stage.allocation.bindings.get()
    assert binding.limit_minutes == stage.granted // 60
    association = client_for(stage.cluster).association(
        operator_token(stage.cluster), "ned", binding.slurm_account
    )
    assert association.limits.gpu_minutes == stage.granted // 60


def test_reconciling_again_changes_nothing(stage):
    assert reconcile(stage.fresh_allocation()).actions == []


def test_a_job_runs_and_its_real_usage_is_charged(stage):
    job = stage.submit(gpus=2, wall_minutes=10)
    assert job.state == "approved"
    assert stage.balances.held == 2 * 600
    assert stage.drain() == 1
    job.refresh_from_db()
    assert job.state == "queued"
    stage.follow()
    job.refresh_from_db()
    assert job.state == "running"
    stage.advance(70)
    stage.follow()
    job.refresh_from_db()
    run = JobRun.objects.get(job=job)
    assert job.state == "completed"
    assert run.charged == 2 * run.elapsed_seconds == job.charged > 0
    assert run.elapsed_seconds < 600
    assert stage.balances.held == 0
    assert stage.balances.spent == run.charged
    assert stage.balances.available == stage.granted - run.charged
    assert stage.copies(job) == 1
    assert actions(job) == ["job_submit", "job_completed"]


def test_reading_the_accounting_twice_charges_once(stage):
    job = stage.submit()
    stage.drain()
    stage.follow()
    stage.advance(70)
    stage.follow()
    spent = stage.balances.spent
    stage.follow()
    assert stage.balances.spent == spent
    assert JobRun.objects.filter(job=job).count() == 1


def test_a_requeued_run_is_charged_too(stage):
    job = stage.submit()
    stage.drain()
    stage.follow()
    stage.advance(20)
    job.refresh_from_db()
    stage.control("requeue", job_id=job.slurm_job_id)
    stage.follow()
    job.refresh_from_db()
    assert job.state in {"queued", "running"}
    assert stage.balances.held == job.most_gpu_seconds, "the hold is topped up for the next run"
    stage.advance(300)
    stage.follow()
    stage.advance(300)
    stage.follow()
    job.refresh_from_db()
    runs = JobRun.objects.filter(job=job)
    assert job.state == "completed"
    assert runs.count() == 2
    assert all(run.charged == run.gpus * run.elapsed_seconds for run in runs)
    assert stage.balances.spent == sum(run.charged for run in runs) == job.charged
    assert stage.balances.held == 0


def test_a_refusal_by_slurm_is_told_and_its_hold_released(stage):
    stage.cast.resource.partition = "nowhere"
    stage.cast.resource.save()
    job = stage.submit()
    stage.drain()
    job.refresh_from_db()
    assert job.state == "refused"
    assert "partition" in job.reason.lower()
    assert stage.balances.held == 0
    assert actions(job) == ["job_submit", "job_refuse"]


def test_a_dead_cluster_keeps_the_job_and_shuts_the_gate(stage):
    job = stage.submit()
    stage.cluster.url = "http://127.0.0.1:9"
    stage.cluster.save()
    assert stage.drain() == 1
    job.refresh_from_db()
    assert job.state == "approved"
    assert stage.balances.held == job.most_gpu_seconds
    assert stage.drain() == 0, "the gate is shut for a while"
    assert "reached" in stage.cluster.gates.get().last_error


def test_cancelled_before_it_was_sent(stage):
    job = stage.submit()
    job_cancel(actor=stage.cast.pi, job=job)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert stage.balances.held == 0
    assert stage.drain() == 0
    assert stage.copies(job) == 0


def test_cancelled_while_it_runs(stage):
    job = stage.submit()
    stage.drain()
    stage.follow()
    stage.advance(10)
    job_cancel(actor=stage.cast.pi, job=job)
    job.refresh_from_db()
    assert job.state == "running", "only the cluster's accounting ends it"
    assert stage.balances.held == job.most_gpu_seconds
    assert cancel_requested(stage.cluster) == 1
    stage.follow()
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert stage.balances.spent == job.charged == 2 * JobRun.objects.get(job=job).elapsed_seconds
    assert stage.balances.held == 0


def test_who_may_cancel(stage):
    job = stage.submit()
    for stranger in (stage.cast.outsider, stage.cast.member, stage.cast.reviewer):
        with pytest.raises(NotAllowed):
            job_cancel(actor=stranger, job=job)
    job_cancel(actor=stage.cast.site_manager, job=job, reason="maintenance")
    with pytest.raises(IllegalState):
        job_cancel(actor=stage.cast.pi, job=job)


def test_only_members_submit(stage):
    for stranger in (stage.cast.outsider, stage.cast.colleague, stage.cast.admin):
        with pytest.raises(NotAllowed):
            stage.submit(actor=stranger)
    assert stage.submit(actor=stage.cast.member).submitted_by == stage.cast.member


def test_over_budget_is_refused_with_the_figures(stage):
    stage.cast.resource.max_wall_minutes = 100_000
    stage.cast.resource.save()
    with pytest.raises(Refused) as refusal:
        stage.submit(gpus=8, cpus=8, wall_minutes=60 * 13)
    assert refusal.value.code == "over_budget"
    assert refusal.value.figures["wanted"] == 8 * 13 * 3600
    assert refusal.value.figures["available"] == stage.granted
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("gpus", {"gpus": 9}),
        ("gpus", {"gpus": 0}),
        ("cpus", {"gpus": 1, "cpus": 9}),
        ("memory_mb", {"gpus": 1, "memory_mb": 60_001}),
        ("wall_minutes", {"wall_minutes": 2881}),
        ("script", {"script": "echo no interpreter"}),
        ("script", {"script": "#!/bin/bash\n" + "x" * 70_000}),
    ],
)
def test_what_a_site_doesnt_allow_names_its_field(stage, field, changes):
    with pytest.raises(InvalidInput) as refusal:
        stage.submit(**changes)
    assert refusal.value.field == field
    assert stage.balances.held == 0


def test_a_data_class_that_the_site_may_not_hold(stage):
    stage.cast.project.data_class = "sensitive"
    stage.cast.project.save()
    stage.allocation.refresh_from_db()
    with pytest.raises(Refused) as refusal:
        stage.submit()
    assert refusal.value.code == "data_class"


def test_the_data_class_is_asked_again_when_sending(stage):
    job = stage.submit()
    stage.cast.project.data_class = "sensitive"
    stage.cast.project.save()
    assert stage.drain() == 0
    job.refresh_from_db()
    assert job.state == "refused"
    assert stage.balances.held == 0


def test_without_a_login_a_real_site_refuses(stage):
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    stage.allocation = stage.fresh_allocation()
    with pytest.raises(Refused) as refusal:
        stage.submit()
    assert refusal.value.code == "no_login"


def test_the_cost_before_sending(stage):
    stage.allocation.resource.rate_pkr = 500
    cost = job_cost(allocation=stage.allocation, size=Size(gpus=4, cpus=4, memory_mb=1000, wall_minutes=90))
    assert cost.most == 4 * 90 * 60
    assert cost.left == stage.granted - cost.most
    assert cost.rupees == 3000
    assert cost.fits


def test_a_job_sent_by_sbatch_is_charged_all_the_same(stage):
    """Work that the portal never saw: same Slurm account, no mark, no hold."""
    stage.submit()  # so that the login may use the Slurm account
    binding = stage.allocation.bindings.get()
    from scheduler_bridge.sites.clients import signer_for
    from scheduler_bridge.slurm_rest_client import JobSpec

    token = signer_for(stage.cluster).mint(binding.logins[0], 4_000_000_000)
    client_for(stage.cluster).submit(
        token,
        JobSpec(
            name="mine", account=binding.slurm_account, partition="gpu", cwd="/tmp", gpus=1,
            gpu_type="h100", script="#!/bin/bash\nsleep 30\n", time_limit_minutes=5,
        ),
    )  # fmt: skip
    stage.advance(40)
    stage.follow()
    run = JobRun.objects.get(job=None)
    assert run.charged == run.elapsed_seconds > 0
    assert stage.balances.spent == run.charged


def test_projects_take_turns(stage):
    """A project with many waiting jobs doesn't keep the others from going."""
    from scheduler_bridge.dispatch.claim import _in_turn

    many = [stage.submit(gpus=1, cpus=1, wall_minutes=1) for _ in range(4)]
    assert _in_turn(stage.cluster, 10) == [job.pk for job in many]
