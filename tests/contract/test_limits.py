"""Accounts, associations and their limits: how they are written, and that Slurm holds them."""

import secrets
from typing import Any

import pytest

from scheduler_bridge.slurm_rest_client import GPU, AssociationLimits, JobState, NotWritten, Refused

from .targets import PREFIX, VERSION, Target, wait_until

ALL_LIMITS = AssociationLimits(
    group_tres_minutes={GPU: 600, "cpu": 90_000},
    group_tres_running_minutes={GPU: 300},
    group_tres={GPU: 8},
    tres_minutes_per_job={GPU: 120},
    tres_per_job={GPU: 4},
    wall_minutes_per_job=240,
    max_active_jobs=5,
    max_submit_jobs=20,
)


def write(target: Target, account: str, user: str = "", **limits: Any) -> None:
    """A write of some limits only, as the client never sends it."""
    row = {"cluster": target.name, "account": account, "user": user or None, "max": limits}
    reply = target.call("POST", f"/slurmdb/{VERSION}/associations/", {"associations": [row]})
    assert (reply.status_code, reply.json()["errors"]) == (200, [])


def limits_of(target: Target, account: str, user: str = "") -> AssociationLimits:
    found = target.client.association(target.token(), target.name, account, user)
    assert found is not None
    return found.limits


@pytest.mark.parametrize("level", ["account", "user"])
def test_all_limits_are_stored_and_lifted(target: Target, level: str) -> None:
    account = target.new_account()
    user = target.user if level == "user" else ""
    stored = target.client.upsert_association(target.token(), target.name, account, ALL_LIMITS, user=user)
    assert stored.limits == ALL_LIMITS
    lifted = target.client.upsert_association(
        target.token(), target.name, account, AssociationLimits(group_tres_minutes={GPU: 7}), user=user
    )
    assert lifted.limits == AssociationLimits(group_tres_minutes={GPU: 7})
    if level == "account":
        assert lifted.parent == "root"


def test_a_partial_write_wipes_the_tres_limits(target: Target) -> None:
    account = target.new_account(ALL_LIMITS)
    write(target, account, jobs={"active": {"set": True, "infinite": False, "number": 3}})
    left = limits_of(target, account)
    assert left == AssociationLimits(wall_minutes_per_job=240, max_active_jobs=3, max_submit_jobs=20)


@pytest.mark.parametrize("missing", ["cluster", "parent", "account of a user"])
def test_what_was_silently_not_written_is_noticed(target: Target, missing: str) -> None:
    """Slurm answers 200 without errors or warnings."""
    nowhere = f"{PREFIX}{secrets.token_hex(4)}"
    cluster = nowhere if missing == "cluster" else target.name
    parent = nowhere if missing == "parent" else "root"
    user = target.user if missing == "account of a user" else ""
    account = f"{PREFIX}{secrets.token_hex(4)}"
    target.slurm_accounts.append(account)
    target.client.upsert_account(target.token(), account)
    with pytest.raises(NotWritten) as caught:
        target.client.upsert_association(
            target.token(), cluster, account, ALL_LIMITS, user=user, parent=parent
        )
    assert caught.value.status == 200
    assert target.client.association(target.token(), target.name, account, user) is None


def test_an_empty_user_name_makes_an_orphan(target: Target) -> None:
    """Written with "" instead of null: no parent, no QOS, and every submission is refused."""
    account = f"{PREFIX}{secrets.token_hex(4)}"
    target.slurm_accounts.append(account)
    target.client.upsert_account(target.token(), account)
    row = {"cluster": target.name, "account": account, "user": "", "parent_account": "root"}
    target.call("POST", f"/slurmdb/{VERSION}/associations/", {"associations": [row]})
    orphan = target.client.association(target.token(), target.name, account)
    assert orphan is not None
    assert (orphan.parent, orphan.qos) == ("", ())
    target.client.upsert_association(target.token(), target.name, account, ALL_LIMITS, user=target.user)
    with pytest.raises(Refused) as caught:
        target.submit(target.spec(account))
    assert caught.value.code == 2066


def test_limits_per_user_are_shown_as_inherited(target: Target) -> None:
    account = target.new_account(ALL_LIMITS)
    shown = limits_of(target, account, target.user)
    assert shown == AssociationLimits().under(ALL_LIMITS)
    assert (shown.max_active_jobs, shown.gpu_minutes) == (ALL_LIMITS.max_active_jobs, None)


def test_writes_need_an_administrator(target: Target) -> None:
    account = target.new_account(gpu_minutes=1)
    with pytest.raises(Refused) as caught:
        target.client.upsert_association(target.token(target.user), target.name, account, AssociationLimits())
    assert (caught.value.status, caught.value.code) == (500, 2002)
    assert limits_of(target, account).gpu_minutes == 1
    with pytest.raises(Refused):
        target.client.upsert_account(target.token(target.user), "tqctevil")
    assert target.client.account(target.token(), "tqctevil") is None


def test_accounts_and_users_are_read_back(target: Target) -> None:
    account = target.new_account()
    stored = target.client.upsert_account(target.token(), account, description="award 7", organization="ned")
    assert (stored.name, stored.description, stored.organization) == (account, "award 7", "ned")
    user = target.client.user(target.token(), target.user)
    assert user is not None
    assert target.client.user(target.token(), "tqctnobody") is None
    operator = target.client.user(target.token(), target.operator)
    assert operator is not None
    assert operator.admin_level == "Administrator"


def test_associations_of_nobody_are_an_honest_answer(target: Target) -> None:
    found = target.client.associations(target.token(), target.name, account="tqctnone")
    assert (found.items, found.complete) == ((), True)


def test_a_job_over_the_budget_waits_and_starts_once_it_is_raised(target: Target) -> None:
    account = target.new_account(gpu_minutes=9)
    job_id = target.submit(target.spec(account, gpus=2, gpu_type=target.gpu))
    wait_until(lambda: target.live(job_id).reason == "AssocGrpGRESMinutes")
    assert target.live(job_id).state is JobState.PENDING
    target.client.upsert_association(
        target.token(), target.name, account, AssociationLimits(group_tres_minutes={GPU: 10})
    )
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)


def test_the_remaining_minutes_of_running_jobs_count(target: Target) -> None:
    account = target.new_account(gpu_minutes=9)
    first = target.submit(target.spec(account, gpus=1, gpu_type=target.gpu))
    wait_until(lambda: target.live(first).state is JobState.RUNNING)
    second = target.submit(target.spec(account, gpus=1, gpu_type=target.gpu))
    wait_until(lambda: target.live(second).reason == "AssocGrpGRESMinutes")
    target.client.cancel(target.token(), first)
    wait_until(lambda: target.live(second).state is JobState.RUNNING)


def test_a_suspended_account_refuses_submissions(target: Target) -> None:
    account = target.new_account(AssociationLimits(max_submit_jobs=0, max_active_jobs=0))
    with pytest.raises(Refused) as caught:
        target.submit(target.spec(account))
    assert caught.value.code == 2050


def test_a_suspended_account_starts_nothing(target: Target) -> None:
    account = target.new_account(AssociationLimits(max_active_jobs=0))
    job_id = target.submit(target.spec(account))
    wait_until(lambda: target.live(job_id).reason.startswith("AssocMaxJobsLimit"))
    assert target.live(job_id).state is JobState.PENDING


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (AssociationLimits(group_tres={GPU: 1}), "AssocGrpGRES"),
        (AssociationLimits(group_tres_running_minutes={GPU: 9}), "AssocGrpGRESRunMinutes"),
        (AssociationLimits(tres_per_job={GPU: 1}), "AssocMaxGRESPerJob"),
        (AssociationLimits(tres_minutes_per_job={GPU: 9}), "AssocMaxGRESMinutesPerJob"),
        (AssociationLimits(wall_minutes_per_job=4), "AssocMaxWallDurationPerJobLimit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_limits_keep_a_job_pending(target: Target, limits: AssociationLimits, reason: str) -> None:
    account = target.new_account(limits)
    job_id = target.submit(target.spec(account, gpus=2, gpu_type=target.gpu))
    wait_until(lambda: target.live(job_id).reason == reason, seconds=15)
    assert target.live(job_id).state is JobState.PENDING
