"""Accounts, associations and their limits: how they are written, and that Slurm holds them."""

import os
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    JobState,
    NotWritten,
    Refused,
    SlurmError,
    explain,
)

from .targets import OPEN, PREFIX, Target, wait_until

type Note = Callable[[str, object], None]

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


def write(target: Target, account: str, **row: Any) -> httpx.Response:
    """A write as the client never sends it."""
    body = {"associations": [{"cluster": target.name, "account": account, **row}]}
    return target.call("POST", f"{target.slurmdb}/associations", body)


def limits_of(target: Target, account: str, user: str = "") -> AssociationLimits:
    found = target.client.association(target.token(), target.name, account, user)
    assert found is not None
    return found.limits


def test_all_limits_of_a_user_are_stored_replaced_and_lifted(target: Target) -> None:
    """Of TRES of one kind, what a write does not send is gone, on both releases."""
    account, user = target.account(), target.stranger

    def change(limits: AssociationLimits) -> AssociationLimits:
        return target.client.upsert_association(
            target.token(), target.name, account, limits, user=user
        ).limits

    assert change(ALL_LIMITS) == ALL_LIMITS
    both = AssociationLimits(group_tres_minutes={GPU: 600, "cpu": 90_000})
    assert change(both) == both
    minutes = [{"type": "gres", "name": "gpu", "count": 7}]
    reply = write(target, account, user=user, max={"tres": {"group": {"minutes": minutes}}})
    assert reply.status_code == 200
    assert limits_of(target, account, user).group_tres_minutes == {GPU: 7}
    assert change(OPEN) == OPEN


def test_changing_the_limits_of_an_account(target: Target, note: Note) -> None:
    """22.05 says yes and does nothing. Limits per user and per job show in the users' associations."""
    account = target.new_account(ALL_LIMITS)
    assert limits_of(target, account) == ALL_LIMITS
    shown = limits_of(target, account, target.user)
    assert shown == OPEN.under(ALL_LIMITS)
    assert (shown.max_active_jobs, shown.gpu_minutes) == (ALL_LIMITS.max_active_jobs, None)
    fewer = AssociationLimits(group_tres_minutes={GPU: 7})
    if target.is_old:
        with pytest.raises(NotWritten) as caught:
            target.client.upsert_association(target.token(), target.name, account, fewer)
        note("Changing an account-level limit", "silently nothing")
        assert (caught.value.status, bool(caught.value.remedy)) == (200, True)
        assert limits_of(target, account) == ALL_LIMITS
        return
    lifted = target.client.upsert_association(target.token(), target.name, account, fewer)
    note("Changing an account-level limit", "done")
    assert (lifted.limits, lifted.parent) == (fewer, "root")


def test_how_an_account_level_association_comes_about(target: Target, note: Note) -> None:
    ways: dict[str, dict[str, Any]] = {
        "without user": {},
        "user null": {"user": None},
        'user ""': {"user": ""},
    }
    for way, row in ways.items():
        account = target.fresh_name()
        target.client.upsert_account(target.token(), account)
        if not (target.is_old and way == 'user ""'):
            # There an orphan would come about as well, and while one stands slurmdbd confuses associations.
            row["parent_account"] = "root"
        reply = write(target, account, **row)
        found = target.client.association(target.token(), target.name, account)
        made = "nothing" if found is None else "created" if found.parent else "an orphan without a parent"
        errors = " with an error" if reply.json()["errors"] else ""
        note(f"An account's association, {way}", f"{reply.status_code}{errors}: {made}")
        expected = {
            "without user": target.says("200 with an error: created", "500 with an error: nothing"),
            "user null": "200: created",
            'user ""': target.says("400 with an error: nothing", "200: an orphan without a parent"),
        }
        assert f"{reply.status_code}{errors}: {made}" == expected[way]
        if made.startswith("an orphan"):
            target.client.upsert_association(target.token(), target.name, account, OPEN, user=target.user)
            with pytest.raises(Refused) as caught:
                target.submit(target.spec(account))
            assert caught.value.code == 2066


def test_a_partial_write_wipes_the_tres_limits(target: Target, note: Note) -> None:
    if target.is_old:
        pytest.skip("on 22.05 this write kills slurmrestd: see test_sandbox.py and tests/lab/test_outages.py")
    account = target.new_account(ALL_LIMITS, users=())
    jobs = {"active": {"set": True, "infinite": False, "number": 3}}
    reply = write(target, account, user=None, max={"jobs": jobs})
    assert (reply.status_code, reply.json()["errors"]) == (200, [])
    left = limits_of(target, account)
    assert left == AssociationLimits(wall_minutes_per_job=240, max_active_jobs=3, max_submit_jobs=20)


@pytest.mark.parametrize("missing", ["cluster", "parent", "account of a user"])
def test_what_was_not_written_is_noticed(target: Target, note: Note, missing: str) -> None:
    """24.11 answers 200 without errors or warnings; 22.05 with an error that says nothing."""
    nowhere = f"{PREFIX}{secrets.token_hex(4)}"
    cluster = nowhere if missing == "cluster" else target.name
    parent = nowhere if missing == "parent" else "root"
    user = target.user if missing == "account of a user" else ""
    account = target.fresh_name()
    target.client.upsert_account(target.token(), account)
    with pytest.raises(SlurmError) as caught:
        target.client.upsert_association(
            target.token(), cluster, account, ALL_LIMITS, user=user, parent=parent
        )
    note(f"An association with a missing {missing}", f"{caught.value.status}/{caught.value.code}")
    assert type(caught.value) is target.says(Refused, NotWritten)
    assert caught.value.status == target.says(400, 200)
    assert caught.value.remedy
    assert target.client.association(target.token(), target.name, account, user) is None


def test_writes_need_an_administrator(target: Target, note: Note) -> None:
    token = target.token(target.user)
    with pytest.raises(Refused) as caught:
        target.client.upsert_association(token, target.name, target.fresh_name(), OPEN)
    note("An association by somebody without rights", f"{caught.value.status}/{caught.value.code}")
    assert (caught.value.status, caught.value.code) == target.says((400, 2002), (500, 2002))
    with pytest.raises(Refused) as caught:
        target.client.upsert_account(token, "tqctevil")
    assert (caught.value.status, caught.value.code) == (500, 2002)
    assert caught.value.remedy
    assert target.client.account(target.token(), "tqctevil") is None


def test_accounts_and_users_are_read_back(target: Target, note: Note) -> None:
    account = target.account()
    stored = target.client.upsert_account(target.token(), account, description="award 7", organization="ned")
    assert (stored.name, stored.description, stored.organization) == (account, "award 7", "ned")
    user = target.client.user(target.token(), target.user)
    assert user is not None
    assert target.client.user(target.token(), "tqctnobody") is None
    operator = target.client.user(target.token(), target.operator)
    assert operator is not None
    assert operator.admin_level == "Administrator"
    note("No such user", target.call("GET", f"{target.slurmdb}/user/tqctnobody").status_code)


def test_associations_of_nobody_are_an_honest_answer(target: Target, note: Note) -> None:
    found = target.client.associations(target.token(), target.name, account="tqctnone")
    assert (found.items, found.complete) == ((), True)
    raw = target.call("GET", f"{target.slurmdb}/associations", account="tqctnone")
    note("No such association", raw.status_code)
    assert raw.status_code == target.says(500, 200)


def test_an_association_with_running_jobs_stays(target: Target, note: Note) -> None:
    """7001: 22.05 says it with status 200."""
    target.account()  # so that the next one is nobody's default
    account = target.new_account()
    job_id = target.submit(target.spec(account))
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)
    if target.is_old:
        reply = target.call("DELETE", f"{target.slurmdb}/account/{account}")
    else:
        query = {"account": account, "user": target.user, "cluster": target.name}
        reply = target.call_as_operator("DELETE", f"{target.slurmdb}/associations", query)
    code = reply.json()["errors"][0]["error_number"]
    note("Removing what has running jobs", f"{reply.status_code}/{code}")
    assert (reply.status_code, code) == target.says((200, 7001), (500, 7001))
    assert explain(7001) is not None
    assert target.client.association(target.token(), target.name, account, target.user) is not None


def test_a_job_over_the_budget_waits_until_it_is_raised(target: Target) -> None:
    """On 22.05 for ever: there a new account takes its place (see test_jobs.py)."""
    account = target.new_account(gpu_minutes=9)
    job_id = target.submit(target.spec(account, gpus=2, gpu_type=target.gpu))
    wait_until(lambda: target.live(job_id).reason == "AssocGrpGRESMinutes")
    assert target.live(job_id).state is JobState.PENDING
    more = AssociationLimits(group_tres_minutes={GPU: 10})
    if target.is_old:
        with pytest.raises(NotWritten):
            target.client.upsert_association(target.token(), target.name, account, more)
        assert target.live(job_id).state is JobState.PENDING
        return
    target.client.upsert_association(target.token(), target.name, account, more)
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
    assert caught.value.remedy


def test_an_account_without_active_jobs_starts_nothing(target: Target) -> None:
    job_id = target.submit(target.spec(target.account("parked")))
    wait_until(lambda: target.live(job_id).reason.startswith("AssocMaxJobsLimit"))
    assert target.live(job_id).state is JobState.PENDING


OTHER_LIMITS = {
    "AssocGrpGRES": AssociationLimits(group_tres={GPU: 1}),
    "AssocMaxGRESMinutesPerJob": AssociationLimits(tres_minutes_per_job={GPU: 9}),
    "AssocMaxWallDurationPerJobLimit": AssociationLimits(wall_minutes_per_job=4),
    "AssocGrpGRESRunMinutes": AssociationLimits(group_tres_running_minutes={GPU: 9}),
    "AssocMaxGRESPerJob": AssociationLimits(tres_per_job={GPU: 1}),
}
# Real daemons are given the first three only, but at size full.
SOME = len(OTHER_LIMITS) if os.environ.get("TAQSEEM_TEST_SIZE") == "full" else 3


def test_other_limits_keep_a_job_pending(target: Target) -> None:
    """One user's association takes them in turn: at this level both releases change in place."""
    account = target.new_account()
    limits_of_reason = list(OTHER_LIMITS.items())
    for reason, limits in limits_of_reason[:SOME] if target.is_real else limits_of_reason:
        target.client.upsert_association(target.token(), target.name, account, limits, user=target.user)
        job_id = target.submit(target.spec(account, gpus=2, gpu_type=target.gpu))
        wait_until(lambda job_id=job_id, reason=reason: target.live(job_id).reason == reason, seconds=15)
        assert target.live(job_id).state is JobState.PENDING
        target.client.cancel(target.token(), job_id)
    suspended = AssociationLimits(max_submit_jobs=0)
    target.client.upsert_association(target.token(), target.name, account, suspended, user=target.user)
    with pytest.raises(Refused) as caught:
        target.submit(target.spec(account))
    assert caught.value.code == 2050
