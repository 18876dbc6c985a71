"""A nest of real Celery workers: Django is loaded once, and every worker is a fork of it.

    python -m tests.fault.worker_nest
    {"name": "w1", "stop_at": "answered", "plant": "", "only": ""}     a line on stdin for each worker
    4711                                                    its process id on stdout

A worker stops itself (SIGSTOP) at the point named, so that the test kills it exactly there. `plant` gives it
a bug: what the test must be able to see. Both live here and not in the product. `only` names the one cluster
that it sends to.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

# How long after its token's end a silent sender is taken for dead, and how long a piece of work is left to
# who took it: shorter than in life, which is harsher.
LEASE_MARGIN = timedelta(seconds=1)
WORK_LEASE = timedelta(seconds=3)


def main() -> None:
    django.setup()
    from portal.celery import app

    app.loader.import_default_modules()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # dead workers leave no zombies
    for line in sys.stdin:
        wish = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become_worker(app, wish)
        print(pid, flush=True)


def become_worker(app: Any, wish: dict[str, str]) -> None:
    """Never returns."""
    with open(wish["log"], "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    prepare(stop_at=wish["stop_at"], plant=wish["plant"])
    if wish["only"]:
        send_to(wish["only"])
    options = ["--pool=threads", "--concurrency=4", "--queues=default,bridge", "--loglevel=INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with contextlib.suppress(SystemExit):
        app.worker_main(["--quiet", "worker", f"--hostname={wish['name']}@test", *options, *quiet])
    os._exit(0)


def send_to(cluster: str) -> None:
    """What a worker does with each wake-up for this cluster, again and again. Never returns."""
    from scheduler_bridge import tasks

    while True:
        tasks.dispatch(cluster)
        time.sleep(0.2)


def prepare(*, stop_at: str, plant: str) -> None:
    from scheduler_bridge.dispatch import claim, locks, results
    from scheduler_bridge.slurm_rest_client import SlurmClient

    claim.LEASE_MARGIN, locks.LEASE = LEASE_MARGIN, WORK_LEASE
    match stop_at:
        case "sending":  # tells that the POST leaves now
            SlurmClient.submit = telling(SlurmClient.submit)
        case "claimed":  # the attempt is on record, nothing was sent
            SlurmClient.submit = before(SlurmClient.submit)
        case "answered":  # the cluster has it and said so, nothing was written
            SlurmClient.submit = after(SlurmClient.submit)
        case "writing":  # inside the transaction that writes the answer
            results._move = after(results._move)
    match plant:
        case "blind_retry":
            plant_blind_retry()
        case "no_fence":
            plant_no_fence()


def telling(function: Callable[..., Any]) -> Callable[..., Any]:
    def told(client: Any, *args: Any, **kwargs: Any) -> Any:
        os.write(1, f"sending to {client.base_url}\n".encode())
        return function(client, *args, **kwargs)

    return told


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def stopping(*args: Any, **kwargs: Any) -> Any:
        stop_once()
        try:
            return function(*args, **kwargs)
        except Exception as error:
            os.write(1, f"what came after the stop: {type(error).__name__}\n".encode())
            raise

    return stopping


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def stopping(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        stop_once()
        return result

    return stopping


_stopped: list[bool] = []


def stop_once() -> None:
    """All threads stop; sent to this one, so that it stops here and not some steps further on."""
    if not _stopped:
        _stopped.append(True)
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def plant_blind_retry() -> None:
    """What everybody writes first: no answer came, so send it again."""
    from scheduler_bridge import tasks
    from scheduler_bridge.models import Job

    def send_again(cluster: Any) -> int:
        lost = list(Job.objects.filter(cluster=cluster, state="uncertain"))
        for job in lost:
            job.move("put_back")
            job.store("state")
        return len(lost)

    tasks.resolve = send_again


def plant_no_fence() -> None:
    """Tokens that outlive their attempt: a late POST is as good as a fresh one."""
    from scheduler_bridge.dispatch import send
    from scheduler_bridge.sites.clients import signer_for

    def generous(cluster: Any) -> Any:
        signer = signer_for(cluster)

        class Generous:
            @staticmethod
            def mint(login: str, expires: int) -> Any:
                return signer.mint(login, expires + 600)

        return Generous

    send.signer_for = generous


if __name__ == "__main__":
    main()
