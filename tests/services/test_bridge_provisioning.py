"""Allocations and their Slurm accounts: desired, found, written, read back."""

import pytest

from allocations.awards.services import (
    allocation_close,
    allocation_resume,
    allocation_revoke,
    allocation_suspend,
)
from allocations.projects.models import ProjectMember
from portal.foundation.errors import InvalidInput
from portal.foundation.models import AuditRow
from scheduler_bridge.models import ProvisioningRun
from scheduler_bridge.provisioning.desired import out_of_line
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.clients import client_for, operator_token, signer_for
from scheduler_bridge.sites.logins import login_link
from scheduler_bridge.slurm_rest_client import AssociationLimits, JobSpec, Refused

pytestmark = pytest.mark.django_db


def submit_directly(stage, login: str) -> int:
    """What a person could send past the portal."""
    account = stage.allocation.bindings.get().slurm_account
    token = signer_for(stage.cluster).mint(login, 4_000_000_000)
    spec = JobSpec(
        name="direct",
        account=account,
        partition="gpu",
        cwd="/tmp",
        gpus=1,
        gpu_type="h100",
        script="#!/bin/bash\nsleep 5\n",
        time_limit_minutes=1,
    )
    return client_for(stage.cluster).submit(token, spec).job_id


def test_members_may_use_the_slurm_account_and_nobody_else(stage):
    job = stage.submit()
    assert stage.allocation.bindings.get().logins == [job.login]
    assert submit_directly(stage, job.login)
    with pytest.raises(Refused):
        submit_directly(stage, "stranger")


def test_who_leaves_is_shut_out_and_who_returns_is_let_in(stage):
    job = stage.submit()
    stage.cast.project.members.filter(user=stage.cast.pi).delete()
    assert f"shut {job.login} out" in reconcile(stage.fresh_allocation()).actions[0]
    assert stage.allocation.bindings.get().logins == []
    with pytest.raises(Refused):
        submit_directly(stage, job.login)
    assert reconcile(stage.fresh_allocation()).actions == [], "once is enough"
    ProjectMember.objects.create(project=stage.cast.project, user=stage.cast.pi, role="member")
    reconcile(stage.fresh_allocation())
    assert submit_directly(stage, job.login)


def test_suspension_blocks_and_resuming_lets_go_on(stage):
    job = stage.submit()
    allocation_suspend(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Under inquiry")
    reconcile(stage.fresh_allocation())
    assert stage.allocation.bindings.get().blocked
    with pytest.raises(Refused) as refusal:
        submit_directly(stage, job.login)
    assert refusal.value.code == 2050
    assert stage.drain() == 0
    job.refresh_from_db()
    assert job.state == "approved", "it waits, with its reason"
    assert job.reason
    assert reconcile(stage.fresh_allocation()).actions == []
    allocation_resume(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Cleared")
    reconcile(stage.fresh_allocation())
    binding = stage.allocation.bindings.get()
    assert (binding.blocked, binding.logins) == (False, [job.login])
    assert submit_directly(stage, job.login)


def test_a_limit_changed_behind_our_back_is_put_right(stage):
    binding = stage.allocation.bindings.get()
    client_for(stage.cluster).upsert_association(
        operator_token(stage.cluster), "ned", binding.slurm_account, AssociationLimits()
    )
    assert any("GrpTRESMins" in action for action in reconcile(stage.fresh_allocation()).actions)
    assert stage.allocation.bindings.get().limit_minutes == stage.granted // 60
    assert AuditRow.objects.filter(action="allocation_provision").count() == 2


def test_a_dead_cluster_is_recorded_and_tried_again(stage):
    url, stage.cluster.url = stage.cluster.url, "http://127.0.0.1:9"
    stage.cluster.save()
    assert (
        "reach" in reconcile(stage.fresh_allocation()).error.lower() or ProvisioningRun.objects.first().error
    )
    stage.cluster.url = url
    stage.cluster.save()
    assert reconcile(stage.fresh_allocation()).error == ""


def test_what_couldnt_be_brought_to_slurm_is_tried_again(stage):
    """A suspension while the cluster is away, or whose wake-up was lost, isn't forgotten."""
    stage.submit()
    assert out_of_line() == []
    allocation_suspend(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Under inquiry")
    assert out_of_line() == [stage.allocation.code]
    reconcile(stage.fresh_allocation())
    assert out_of_line() == []
    allocation_resume(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Cleared")
    assert out_of_line() == [stage.allocation.code]
    reconcile(stage.fresh_allocation())
    assert out_of_line() == []
    stage.cast.project.members.filter(user=stage.cast.pi).delete()
    assert out_of_line() == [stage.allocation.code]
    reconcile(stage.fresh_allocation())
    assert out_of_line() == []


def test_an_end_is_brought_to_slurm_too_and_then_rests(stage):
    allocation_revoke(actor=stage.cast.admin, allocation=stage.fresh_allocation(), reason="Misuse")
    allocation_close(allocation=stage.fresh_allocation())
    assert out_of_line() == [stage.allocation.code]
    reconcile(stage.fresh_allocation())
    assert stage.allocation.bindings.get().blocked
    assert out_of_line() == []


def test_looking_for_them_asks_the_database_little(stage, django_assert_max_num_queries):
    with django_assert_max_num_queries(7):
        out_of_line()


def test_the_login_that_the_portal_itself_uses_is_nobodys(stage):
    stage.cluster.operator_login = "keeper"
    stage.cluster.save()
    with pytest.raises(InvalidInput) as refusal:
        login_link(
            actor=stage.cast.site_manager,
            user=stage.cast.member,
            site=stage.cast.site,
            login=stage.cluster.operator_login,
        )
    assert refusal.value.field == "login"
