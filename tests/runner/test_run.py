"""`make run`, whole: it gets ready, says what is in its way, and leaves nothing behind however it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.places import CHECKOUT
from deploy.local.run import DEMO_ACCOUNTS
from tests.running import STOP_SECONDS, running

pytestmark = [
    pytest.mark.slow_runner,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc"),
]


@pytest.fixture(scope="module")
def clone(open_directory):
    """A checkout as somebody gets it."""
    target = open_directory / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(CHECKOUT), str(target)], check=True)
    return target


@pytest.fixture(scope="module")
def state_home(open_directory):
    """Kept from test to test, so that most starts are second starts."""
    return open_directory / "state"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def make_run(clone, port, state_home, tmp_path):
    """`make run` with the .venv that we run in."""

    def start(**options):
        command = ["make", "run", f"IN_VENV={sys.executable}"]
        return running(command, cwd=clone, port=port, state_home=state_home, tmp_path=tmp_path, **options)

    return start


@pytest.fixture
def bare_run(clone, port, state_home, tmp_path):
    """What make calls, without make."""

    def start(**options):
        command = [sys.executable, "-m", "deploy.local.run"]
        return running(command, cwd=clone, port=port, state_home=state_home, tmp_path=tmp_path, **options)

    return start


def test_it_gets_ready_and_ends_at_sigterm(make_run, clone, state_home, tmp_path):
    with make_run() as run:
        run.must_be_ready()
        assert run.get("/healthz") == {"status": "ok"}
        parts = run.get("/readyz")
        assert all(parts[name]["ok"] for name in ("database", "queue", "worker", "beat", "sealer")), parts
        assert len(parts["sites"]) == 4
        assert f"http://127.0.0.1:{run.port}/" in run.text
        assert all(f"{name}@demo.taqseem.test" in run.text for name in DEMO_ACCOUNTS)

        second = tmp_path / "second"
        second.mkdir()
        command = [sys.executable, "-m", "deploy.local.run"]
        with running(command, cwd=clone, port=run.port, state_home=state_home, tmp_path=second) as other:
            assert other.process.wait(60) == 1
            assert "running already" in other.text
            assert f"127.0.0.1:{run.port}" in other.text
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(STOP_SECONDS)
        run.must_leave_nothing()
    assert "Stopped" in run.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_make_alone_gets_the_signal(make_run, number):
    with make_run() as run:
        run.must_be_ready()
        run.process.send_signal(number)
        run.process.wait(STOP_SECONDS)
        run.must_leave_nothing()


def test_sigint_counts_where_a_background_shell_had_it_ignored(make_run):
    with make_run(ignoring=signal.SIGINT) as run:
        run.must_be_ready()
        os.killpg(run.process.pid, signal.SIGINT)
        run.process.wait(STOP_SECONDS)
        run.must_leave_nothing()


def test_a_signal_while_it_starts(bare_run):
    with bare_run() as run:
        assert run.says("Bringing the database up to date")
        run.process.send_signal(signal.SIGHUP)
        assert run.process.wait(STOP_SECONDS) == 0
        run.must_leave_nothing()


def test_killed_it_takes_its_parts_along_and_starts_again(bare_run):
    with bare_run() as run:
        run.must_be_ready()
        run.process.kill()
        run.process.wait()
        run.must_leave_nothing()
    with bare_run() as run:
        run.must_be_ready()
        run.process.terminate()
        assert run.process.wait(STOP_SECONDS) == 0
        run.must_leave_nothing()


def test_a_part_that_dies_is_started_again_and_data_stays(bare_run, state_home):
    with bare_run() as run:
        run.must_be_ready()
        key = next(state_home.glob("*/secret-key")).read_text()
        worker = run.pid_of("-m celery --app=portal --quiet worker")
        os.kill(worker, signal.SIGKILL)
        assert run.says(r"worker ended \(SIGKILL")

        def replaced() -> bool:
            return any(pid != worker and " worker " in command for pid, command in run.left().items())

        assert processes.wait_until(replaced, seconds=30)
        postgres = run.pid_of("/postgres/data")
        os.kill(postgres, signal.SIGKILL)
        assert run.says(r"postgres ended \(SIGKILL")
        assert processes.wait_until(lambda: _ready(run), seconds=60, every=0.5), run.text
        run.process.terminate()
        run.process.wait(STOP_SECONDS)
        run.must_leave_nothing()
    assert next(state_home.glob("*/secret-key")).read_text() == key


def _ready(run) -> bool:
    try:
        return run.get("/readyz")["status"] == "ready"
    except OSError:
        return False


def test_a_port_in_use_is_told_before_anything_starts(bare_run, port):
    with socket.create_server(("127.0.0.1", port)), bare_run() as run:
        assert run.process.wait(60) == 1
        assert f"Port {port} on 127.0.0.1 can't be used" in run.text
        assert f"make run PORT={port + 1}" in run.text
        assert "PostgreSQL" not in run.text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("PORT", "web", "no port number"), ("PORT", "70000", "no port number"), ("SLURM", "labb", "SLURM=lab")],
)
def test_nonsense_is_named(clone, state_home, tmp_path, name, value, message):
    env = os.environ | {"TAQSEEM_STATE_HOME": str(state_home), name: value}
    command = [sys.executable, "-m", "deploy.local.run"]
    result = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert value in result.stderr
    assert message in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is what we are already")
def test_a_fresh_clone_runs_for_an_ordinary_user_with_an_empty_cache(clone, ordinary_user, port, tmp_path):
    theirs = ordinary_user.home / "taqseem"
    shutil.copytree(clone, theirs, symlinks=True, ignore=shutil.ignore_patterns(".run", "__pycache__"))
    options = ordinary_user.options(PYTHON=ordinary_user.python, PIP_NO_CACHE_DIR="1")
    options["env"] |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    subprocess.run(["chown", "-R", f"{options['user']}:{options['group']}", str(theirs)], check=True)
    state_home = ordinary_user.home / "s"
    with running(
        ["make", "run"], cwd=theirs, port=port, state_home=state_home, tmp_path=tmp_path, **options
    ) as run:
        assert run.says("Taqseem is ready", seconds=480), run.text
        assert run.get("/healthz") == {"status": "ok"}
        uids = {Path(f"/proc/{pid}").stat().st_uid for pid in run.left()}
        assert uids == {options["user"]}
        run.process.terminate()
        run.process.wait(STOP_SECONDS)
        run.must_leave_nothing()
