"""The few REST calls that the lab's own tests need, with nothing between them and slurmrestd."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from deploy.lab.state import LabCluster

OLD = "v0.0.38"


def version(cluster: LabCluster) -> str:
    """The newest that the cluster speaks."""
    return cluster.rest_versions[-1]


def call(cluster: LabCluster, path: str, body: Any = None, *, token: str, user: str) -> tuple[int, Any]:
    """Status and decoded body of one call; `{}` in the path stands for the version."""
    path = path.format(version(cluster))
    request = urllib.request.Request(
        f"{cluster.rest_url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "X-SLURM-USER-NAME": user,
            "X-SLURM-USER-TOKEN": token,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def submit(
    cluster: LabCluster, slurm_account: str, *, user: str, gpus: int, minutes: int, script: str
) -> int:
    """Submit as the portal will: a token for the job's own user. Returns the job id."""
    job: dict[str, Any] = {
        "name": "lab-test",
        "account": slurm_account,
        "partition": cluster.partition,
        "current_working_directory": f"/home/{user}",
        "tasks": 1,
        "cpus_per_task": 1,
    }
    path = "/usr/bin:/bin"
    if version(cluster) == OLD:
        job |= {"environment": {"PATH": path}, "memory_per_node": 500, "time_limit": minutes}
        job["gres"] = f"gpu:{cluster.gpu}:{gpus}"
    else:
        job |= {
            "environment": [f"PATH={path}"],
            "memory_per_node": number(500),
            "time_limit": number(minutes),
        }
        job["tres_per_job"] = f"gres/gpu:{cluster.gpu}={gpus}"
    body = {"script": script, "job": job}
    status, answer = call(cluster, "slurm/{}/job/submit", body, token=cluster.token(user), user=user)
    assert status == 200, answer
    assert not answer["errors"], answer
    return int(answer["job_id"])


def number(value: int) -> dict[str, Any]:
    return {"number": value, "set": True}


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Returns once the condition holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not (last := condition()):
        assert time.monotonic() < deadline, f"still {last!r} after {seconds} s"
        time.sleep(0.1)
