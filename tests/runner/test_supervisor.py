"""The supervisor restarts what dies, gives up on what keeps dying, and leaves strangers alone."""

import json
import os
import signal
import subprocess
import sys

import pytest

from deploy.local import processes, supervisor
from deploy.local.supervisor import PartFailed, Program, StopRequested, Supervisor, end_leftovers


@pytest.fixture
def messages():
    return []


@pytest.fixture
def keeper(tmp_path, messages):
    found = Supervisor(tmp_path / "processes.json", lambda: False, messages.append)
    yield found
    found.stop()


def program(tmp_path, code):
    return Program("part", [sys.executable, "-c", code], tmp_path / "part.log", dict(os.environ))


def watched(keeper, condition):
    def check():
        keeper.watch()
        return condition()

    return processes.wait_until(check, seconds=30)


def test_what_dies_is_started_again(keeper, tmp_path, messages):
    part = program(tmp_path, "import time; time.sleep(600)")
    keeper.start(part)
    first = part.process
    first.kill()
    assert watched(keeper, lambda: part.process is not None and part.process is not first)
    assert part.process.poll() is None
    assert "part ended (SIGKILL" in messages[0]


def test_what_keeps_dying_ends_the_run_with_its_last_words(keeper, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LONGEST_BACKOFF_SECONDS", 0)
    keeper.start(program(tmp_path, "import sys; sys.exit('no such table')"))
    with pytest.raises(PartFailed, match=r"(?s)part died 4 times.*no such table"):
        watched(keeper, lambda: False)


def test_a_step_that_fails_ends_the_run_with_its_last_words(keeper, tmp_path):
    with pytest.raises(PartFailed, match=r"(?s)part failed.*cannot migrate"):
        keeper.run_once(program(tmp_path, "import sys; sys.exit('cannot migrate')"))


def test_a_step_is_ended_when_the_run_is_to_stop(tmp_path):
    keeper = Supervisor(tmp_path / "processes.json", lambda: True, print)
    step = program(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(StopRequested):
        keeper.run_once(step)
    assert step.process is None


def test_stopping_takes_the_whole_family(keeper, tmp_path):
    child = "import subprocess; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True)"
    part = program(tmp_path, f"{child}; child.wait()")
    keeper.start(part)
    assert processes.wait_until(lambda: bool(part.log.read_text()), seconds=30)
    grandchild = int(part.log.read_text())
    assert processes.command_of(grandchild)
    keeper.stop()
    assert processes.wait_until(lambda: not processes.command_of(grandchild), seconds=10)


def orphan() -> int:
    """A process in a group of its own whose parent has gone."""
    told = subprocess.run(
        ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True, check=True
    )
    pid = int(told.stdout)
    assert processes.wait_until(lambda: os.getpgid(pid) == pid, seconds=10)
    return pid


def test_leftovers_are_ended_and_strangers_spared(tmp_path):
    left, stranger = orphan(), orphan()
    record = tmp_path / "processes.json"
    # The stranger got the number of a process that had begun at another time.
    record.write_text(json.dumps({left: processes.started(left), stranger: "1"}))
    try:
        assert end_leftovers(record) == 1
        assert not processes.started(left)
        assert processes.started(stranger)
        assert not record.exists()
    finally:
        os.kill(stranger, signal.SIGKILL)
