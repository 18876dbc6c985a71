"""What the v0.0.38 codec sends: Slurm 22.05.8 refuses, ignores or dies of anything else."""

import json
from typing import Any

import msgspec
import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    JobSpec,
    NotFound,
    Refused,
    User,
    VersionUnsupported,
)
from scheduler_bridge.slurm_rest_client.codecs import codec_for
from scheduler_bridge.slurm_rest_client.models import Association
from scheduler_bridge.slurm_rest_client.transport import Reply
from tests.unit.slurm_client.replies import failed, raised, reply

CODEC = codec_for("v0.0.38")
SPEC = JobSpec(
    name="n",
    account="a",
    partition="p",
    cwd="/",
    script="#!/bin/sh\n",
    time_limit_minutes=90,
    environment={"PATH": "/bin", "A": "b=c"},
)


def sent(**changes: Any) -> dict[str, Any]:
    spec = msgspec.structs.replace(SPEC, **changes)
    job: dict[str, Any] = json.loads(CODEC.submit(spec).body or b"")["job"]
    return job


def test_a_submission_is_plain_numbers_and_a_map() -> None:
    """Unknown keys are refused here, so not one of the later versions' fields may slip in."""
    job = sent(memory_mb=2000, stdout="o", hold=True)
    assert job == {
        "name": "n",
        "account": "a",
        "partition": "p",
        "current_working_directory": "/",
        "environment": {"PATH": "/bin", "A": "b=c"},
        "nodes": 1,
        "tasks": 1,
        "cpus_per_task": 1,
        "memory_per_node": 2000,
        "time_limit": 90,
        "standard_output": "o",
        "hold": True,
    }


@pytest.mark.parametrize(
    ("changes", "gres", "gpus"),
    [
        ({"gpus": 2, "gpu_type": "h100"}, "gpu:h100:2", None),
        ({"gpus": 2}, "gpu:2", None),
        ({}, None, None),
        # `gres` counts per node: gpu:h100:4 on two nodes would be eight GPUs.
        ({"gpus": 4, "gpu_type": "h100", "nodes": 2}, None, "h100:4"),
        ({"gpus": 3, "nodes": 2}, None, "3"),
    ],
)
def test_gpus_count_over_the_whole_job(changes: dict[str, Any], gres: str | None, gpus: str | None) -> None:
    job = sent(**changes)
    assert (job.get("gres"), job.get("gpus")) == (gres, gpus)
    assert "tres_per_job" not in job


def test_lists_have_no_slash_at_the_end() -> None:
    requests = [CODEC.ping(), CODEC.diag(), CODEC.jobs(), CODEC.partitions(), CODEC.nodes(), CODEC.tres()]
    requests += [CODEC.clusters(), CODEC.qos(), CODEC.associations("c", None, None)]
    requests += [
        CODEC.accounting_by_id("c", [1]),
        CODEC.write_association(Association(cluster="c", account="a")),
    ]
    assert all(not request.path.endswith("/") and "/v0.0.38/" in request.path for request in requests)


def test_accounting_asks_only_for_what_22_05_knows() -> None:
    """An unknown parameter, such as a user or a later version's flag, is answered with 500."""
    request = CODEC.accounting_jobs("c", 100, 200, job_name="tq-1", user="u", account="a")
    assert request.query == {
        "cluster": "c",
        "start_time": "uts100",
        "end_time": "uts200",
        "skip_steps": "true",
        "job_name": "tq-1",
        "account": "a",
    }
    # Of repeated parameters the last one alone would count.
    assert CODEC.accounting_by_id("c", [1, 2]).query == {"cluster": "c", "step": "1,2", "skip_steps": "true"}


def association_row(limits: AssociationLimits, user: str = "") -> dict[str, Any]:
    request = CODEC.write_association(Association(cluster="c", account="a", user=user, limits=limits))
    (row,) = json.loads(request.body or b"")["associations"]
    found: dict[str, Any] = row
    return found


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {
            key: leaf for name, part in value.items() for key, leaf in leaves(part, f"{path}/{name}").items()
        }
    return {path: value}


def test_every_limit_is_sent_and_lifted_by_minus_one() -> None:
    """Any TRES limit that is set and left out, or sent as an empty list, crashes slurmrestd."""
    limits = leaves(
        association_row(AssociationLimits(group_tres_minutes={GPU: 60}, max_submit_jobs=0))["max"]
    )
    lifted = [{"type": "cpu", "name": "", "count": -1}]
    assert limits == {
        "/jobs/active": -1,
        "/jobs/total": 0,
        "/jobs/per/wall_clock": -1,
        "/tres/total": lifted,
        "/tres/group/minutes": [{"type": "gres", "name": "gpu", "count": 60}],
        "/tres/group/active": lifted,
        "/tres/minutes/per/job": lifted,
        "/tres/minutes/total": lifted,
        "/tres/per/job": lifted,
        "/tres/per/node": lifted,
    }


def test_account_level_is_no_user_at_all() -> None:
    account = association_row(AssociationLimits())
    assert "user" not in account
    assert account["parent_account"] == "root"
    of_user = association_row(AssociationLimits(), user="u")
    assert of_user["user"] == "u"
    assert "parent_account" not in of_user


def test_an_admin_level_is_a_word() -> None:
    body = json.loads(
        CODEC.write_user(User(name="u", admin_level="Operator", default_account="a")).body or b""
    )
    assert body == {"users": [{"name": "u", "default": {"account": "a"}, "administrator_level": "Operator"}]}


def test_deleting_names_exactly_one_association() -> None:
    request = CODEC.delete_association("c", "a", "u")
    assert (request.method, request.path) == ("DELETE", "/slurmdb/v0.0.38/association")
    assert request.query == {"cluster": "c", "account": "a", "user": "u"}
    assert isinstance(raised(CODEC.read_deleted, Reply("delete_association", 304, b"")), NotFound)
    CODEC.read_deleted(reply({"removed_associations": ["C = c A = a U = u"]}))
    busy = failed({"error_number": 7001, "error": "Job(s) active"}, operation="delete_association")
    assert type(raised(CODEC.read_deleted, busy)) is Refused


@pytest.mark.parametrize("call", [CODEC.shares, lambda: CODEC.job_states([1])])
def test_calls_that_22_05_has_not(call: Any) -> None:
    with pytest.raises(VersionUnsupported):
        call()
