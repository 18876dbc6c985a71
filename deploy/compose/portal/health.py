"""Whether this container's process is at work; exits 0 or says why not.

    health.py web | worker | exports | beat | sealer

Web answers /healthz. A worker answers Celery's ping by its own name. Beat and the sealer leave a sign of life
in the cache; beat's is noted by the worker that got its task.
"""

import os
import socket
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

PING_SECONDS = 10


def web() -> None:
    request = urllib.request.Request(
        "http://127.0.0.1:8000/healthz", headers={"Host": os.environ["TAQSEEM_HOSTS"].split(",")[0].strip()}
    )
    urllib.request.urlopen(request, timeout=8).close()


def worker(name: str) -> None:
    from celery import Celery

    from portal.settings import env

    me = f"{name}@{socket.gethostname()}"
    app = Celery(broker=env.text("TAQSEEM_REDIS_URL"))
    if not app.control.inspect(destination=[me], timeout=PING_SECONDS).ping():
        raise RuntimeError(f"{me} does not answer")


def sign_of_life(part: str) -> None:
    from portal.foundation.services import heartbeat

    seconds = heartbeat.age(part)
    if seconds is None or seconds >= heartbeat.STALE_AFTER_SECONDS:
        raise RuntimeError(f"no sign of life of {part} for {seconds or 'ever'} s")


def main() -> int:
    part = sys.argv[1]
    try:
        match part:
            case "web":
                web()
            case "worker" | "exports":
                worker(part)
            case "beat" | "sealer":
                sign_of_life(part)
            case _:
                raise RuntimeError(f"there is no part {part}")
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
