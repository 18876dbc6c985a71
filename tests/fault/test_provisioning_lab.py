"""Provisioning on real Slurm, old and new: sacctmgr, squeue and sbatch are the witnesses."""

import secrets
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from allocations.awards.services import (
    allocation_adjust,
    allocation_resume,
    allocation_revoke,
    allocation_suspend,
)
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.errors import Refused
from scheduler_bridge.accounting.ingest import ingest
from scheduler_bridge.accounting.poll import poll
from scheduler_bridge.models import Job, JobRun, SiteLogin, SlurmAccountBinding
from scheduler_bridge.provisioning.desired import parent_account
from scheduler_bridge.provisioning.reconcile import reconcile
from tests.bridge_stage import Stage, set_stage
from tests.fault.test_bridge_lab import reaches, until
from tests.requesting import fund

pytestmark = [pytest.mark.django_db, pytest.mark.lab, pytest.mark.fault]

HOUR = 3600
VERSIONS = {"datavault": "v0.0.38", "astrolabe-ned": "v0.0.42"}
PERSON = "tqresearcher"


class LabStage(Stage):
    """An allocation of one GPU-hour at a real cluster, beside a Slurm account of the site's own."""

    def slurm(self, *words: str, user: str | None = None, check: bool = True) -> str:
        told = self.real.command(*words, **({"user": user} if user else {}), check=check)
        return told.stdout + told.stderr

    @property
    def account(self) -> str:
        return self.allocation.bindings.order_by("generation").last().slurm_account

    def limits(self, account: str) -> dict[str, tuple[str, str, str]]:
        """GrpTRESMins, MaxJobs and MaxSubmit by user (empty: the Slurm account itself), as sacctmgr tells."""
        lines = self.slurm(
            "sacctmgr", "-n", "-P", "show", "assoc", f"account={account}",
            "format=User,GrpTRESMins,MaxJobs,MaxSubmit",
        ).splitlines()  # fmt: skip
        return {
            user: (minutes, jobs, submit)
            for user, minutes, jobs, submit in (line.split("|") for line in lines)
        }

    def minutes(self) -> int:
        return int(self.limits(self.account)[""][0].removeprefix("gres/gpu="))

    def formula(self, *, reserved: int = 0) -> int:
        """Granted less returned, less what earlier generations used or may yet use, in whole minutes."""
        standing = self.balances
        earlier = self.allocation.runs.exclude(slurm_account=self.account)
        charged = sum(run.charged or 0 for run in earlier)
        return (standing.granted - standing.returned - charged - reserved) // 60

    def sbatch(self, *, gpus: int, minutes: int, check: bool = True) -> str:
        """Past the portal. The job's number, or what sbatch said."""
        words = ("-A", self.account, f"--gres=gpu:{gpus}", "-t", str(minutes), "-o", "/dev/null")
        told = self.slurm("sbatch", "--parsable", *words, "--wrap", "sleep 300", user=PERSON, check=check)
        number = told.strip().split(";")[0]
        if number.isdigit():
            self.numbers.append(number)
        return number

    def squeue(self, number: str, what: str = "%T") -> str:
        return self.slurm("squeue", "-h", "-j", number, "-o", what, check=False).strip()

    def in_line(self) -> None:
        """What a worker does: reconcile, and once more to see that it rests."""
        run = reconcile(self.fresh_allocation())
        assert (run.error, run.remedies) == ("", [])
        assert reconcile(self.fresh_allocation()).actions == []

    def foreign(self) -> list[str]:
        """The site's own accounts and users, with everything that sacctmgr tells of them."""
        told = [
            self.slurm("sacctmgr", "-P", "show", "account", f"name={self.own},root", "withassoc"),
            self.slurm("sacctmgr", "-P", "show", "assoc", f"account={self.own},root", "withsub"),
            self.slurm("sacctmgr", "-P", "show", "user", f"name={self.own}u,root", "withassoc"),
            self.slurm("sacctmgr", "-P", "show", "qos"),
        ]
        ours = {binding.slurm_account for binding in SlurmAccountBinding.objects.all()} | {parent_account()}
        return [
            line
            for text in told
            for line in text.splitlines()
            if not line.startswith("tq") and "|tq" not in line and "labtest" not in line
            and not any(name in line for name in ours)
        ]  # fmt: skip


@pytest.fixture
def lent_percent() -> int:
    return 100


@pytest.fixture(params=VERSIONS)
def lab_stage(request, cast, lab, settings, lent_percent) -> Iterator[LabStage]:
    # Tests side by side on one lab: each is an installation of its own.
    settings.INSTALLATION = f"t{secrets.token_hex(3)}"
    real = lab.cluster(request.param)
    cluster, resource = cast.cluster, cast.resource
    cluster.url, cluster.slurm_name, cluster.is_sandbox = real.rest_url, request.param, False
    cluster.signer, cluster.api_version = str(real.jwt_key), VERSIONS[request.param]
    cluster.lent_percent = lent_percent
    cluster.save()
    resource.gres_type, resource.partition = real.gpu, real.partition
    resource.save()
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login=PERSON)
    own = f"hpc{secrets.token_hex(3)}"
    real.command("sacctmgr", "-i", "add", "account", own, "Organization=site", "GrpTRES=gres/gpu=2")
    real.command("sacctmgr", "-i", "add", "user", f"{own}u", f"account={own}", "MaxJobs=3")
    made = set_stage(cast, cluster, gpu_hours=1)
    fund(resource)
    stage = LabStage(made.cast, made.cluster, made.allocation, made.granted)
    stage.real, stage.own, stage.numbers = real, own, []
    yield stage
    for number in [
        *stage.numbers,
        *Job.objects.exclude(slurm_job_id=None).values_list("slurm_job_id", flat=True),
    ]:
        real.command("scancel", str(number), check=False)
    real.command("sacctmgr", "-i", "delete", "user", f"name={own}u", check=False)
    real.command("sacctmgr", "-i", "delete", "account", f"name={own}", check=False)


def adjust(stage: LabStage, gpu_seconds: int) -> None:
    allocation_adjust(
        actor=stage.cast.admin,
        allocation=stage.fresh_allocation(),
        gpu_seconds=gpu_seconds,
        reason="As asked",
        key=uuid.uuid4().hex,
    )
    stage.in_line()


def test_raised_lowered_suspended_resumed_revoked(lab_stage: LabStage) -> None:
    stage, admin = lab_stage, lab_stage.cast.admin
    foreign = stage.foreign()
    old = stage.cluster.api_version == "v0.0.38"
    assert stage.minutes() == 60 == stage.formula()

    running = stage.submit(gpus=2, cpus=1, memory_mb=200, wall_minutes=3, script="#!/bin/bash\nsleep 300\n")
    stage.drain()
    until(reaches(stage, running, "running"))
    waiting = stage.sbatch(gpus=8, minutes=10)  # 80 GPU-minutes: more than there are
    until(lambda: "Minutes" in stage.squeue(waiting, "%r"))

    # Raised: what waited starts. In a new generation what still runs in the first is set aside.
    adjust(stage, HOUR)
    reserved = running.most_gpu_seconds if old else 0
    assert stage.minutes() == stage.formula(reserved=reserved) == 120 - reserved // 60
    until(lambda: stage.squeue(waiting) == "RUNNING")
    assert stage.squeue(waiting, "%a") == stage.account
    assert stage.squeue(str(running.slurm_job_id)) == "RUNNING"
    if old:
        assert stage.account.endswith("g2")
        first = stage.limits(stage.account.removesuffix("2") + "1")
        assert first[PERSON][1:] == ("0", "0"), "nothing more starts in the first generation"

    # Lowered, while jobs run; never below what is held.
    stage.slurm("scancel", waiting)
    with pytest.raises(Refused) as refusal:
        adjust(stage, -2 * HOUR)
    assert refusal.value.figures["most"] == 2 * HOUR - running.most_gpu_seconds
    adjust(stage, -HOUR // 2)
    until(lambda: _charged(stage, waiting))
    stage.in_line()
    assert stage.minutes() == stage.formula(reserved=reserved)
    assert stage.account.endswith("g3" if old else "g1")

    # Suspended: a real sbatch is refused, what waits goes on waiting, what runs goes on running.
    over = stage.sbatch(gpus=8, minutes=100)
    held = stage.submit(gpus=1, cpus=1, memory_mb=200, wall_minutes=1, script="#!/bin/bash\nsleep 300\n")
    began = clock.now()
    allocation_suspend(actor=admin, allocation=stage.fresh_allocation(), reason="Under inquiry")
    stage.in_line()
    assert "AssocMaxSubmitJobLimit" in stage.sbatch(gpus=1, minutes=1, check=False)
    assert clock.now() - began < timedelta(minutes=1)
    assert stage.minutes() == stage.formula(reserved=reserved)
    level = PERSON if old else ""
    assert stage.limits(stage.account)[level][1:] == ("0", "0")
    assert stage.drain() == 0
    assert stage.squeue(over) == "PENDING"
    assert stage.squeue(str(running.slurm_job_id)) == "RUNNING"

    # Resumed: jobs come again.
    allocation_resume(actor=admin, allocation=stage.fresh_allocation(), reason="Cleared")
    stage.in_line()
    assert stage.limits(stage.account)[level][1:] == ("", "")
    assert stage.minutes() == stage.formula(reserved=reserved)
    Job.objects.update(not_before=None)
    assert stage.drain() == 1
    until(reaches(stage, held, "running"))

    # Revoked: what waits is cancelled, what runs may finish on its hold.
    allocation_revoke(actor=admin, allocation=stage.fresh_allocation(), reason="Misuse")
    stage.in_line()
    until(lambda: stage.squeue(over) in {"", "CANCELLED"})
    assert "AssocMaxSubmitJobLimit" in stage.sbatch(gpus=1, minutes=1, check=False)
    assert stage.squeue(str(running.slurm_job_id)) == "RUNNING"
    if not old:
        assert stage.minutes() == stage.formula()
    assert stage.foreign() == foreign


def _charged(stage: LabStage, number: str) -> bool:
    poll(stage.cluster)
    ingest(stage.cluster)
    return JobRun.objects.filter(slurm_job_id=int(number), charged__isnull=False).exists()


@pytest.mark.parametrize("lent_percent", [20])
def test_a_share_is_held_above_all_and_beside_the_sites_own(lab_stage: LabStage) -> None:
    stage, parent = lab_stage, parent_account()
    foreign = stage.foreign()

    def shared() -> str:
        show = ("sacctmgr", "-n", "-P", "show", "assoc", f"account={parent}", "user=", "format=GrpTRES")
        return stage.slurm(*show).strip()

    assert shared() == "gres/gpu=3", "20 percent of 16"
    first, second = stage.sbatch(gpus=2, minutes=2), stage.sbatch(gpus=2, minutes=2)
    until(lambda: stage.squeue(first) == "RUNNING")
    until(lambda: stage.squeue(second, "%r") == "AssocGrpGRES")
    # A larger share. Old Slurm takes it from sacctmgr alone: the portal names the command.
    Cluster.objects.filter(pk=stage.cluster.pk).update(lent_percent=30)
    run = reconcile(stage.fresh_allocation())
    assert run.error == ""
    for remedy in run.remedies:
        assert shared() == "gres/gpu=3"
        stage.slurm(*remedy.replace("sacctmgr", "sacctmgr -i").split())
    assert bool(run.remedies) is (stage.cluster.api_version == "v0.0.38")
    assert shared() == "gres/gpu=4"
    until(lambda: stage.squeue(second) == "RUNNING")
    stage.in_line()
    assert stage.foreign() == foreign
