"""Set-up finds a Python that runs, and builds or repairs .venv."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.places import CHECKOUT

SHIM = "#!/bin/sh\necho 'not the chosen version' >&2\nexit 127\n"
REAL = f'#!/bin/sh\nexec "{sys._base_executable}" "$@"\n'


def place(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def checkout(tmp_path):
    """As much of a checkout as set-up needs, requiring nothing to be downloaded."""
    root = tmp_path / "checkout"
    (root / "deploy" / "local").mkdir(parents=True)
    for name in ("setup.sh", "build_venv.py"):
        shutil.copy(CHECKOUT / "deploy" / "local" / name, root / "deploy" / "local" / name)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (root / lock).write_text("")
    return root


@pytest.fixture
def tools(tmp_path):
    """The few commands that the script itself uses, and no Python."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in ("sh", "sed", "tr", "grep", "dirname", "mktemp", "rm", "cat"):
        (directory / name).symlink_to(shutil.which(name))
    return directory


def set_up(checkout, *arguments, path, home="/nonexistent", **env):
    return subprocess.run(
        ["/bin/sh", str(checkout / "deploy/local/setup.sh"), *arguments],
        env={"PATH": str(path), "HOME": str(home), "TAQSEEM_PYTHON_DIRS": "/nonexistent", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_shim_that_fails_is_passed_over(checkout, tools):
    place(tools / "python3.14", SHIM)
    wanted = place(tools / "python3.13", REAL)
    assert set_up(checkout, "--find", path=tools).stdout.strip() == str(wanted)


def test_a_later_directory_of_path_counts_too(checkout, tools, tmp_path):
    place(tools / "python3.13", SHIM)
    wanted = place(tmp_path / "more tools" / "python3.13", REAL)
    assert set_up(checkout, "--find", path=f"{tools}:{wanted.parent}").stdout.strip() == str(wanted)


def test_versions_that_pyenv_has_but_did_not_choose(checkout, tools, tmp_path):
    place(tools / "python3.13", SHIM)
    place(tmp_path / ".pyenv/versions/3.11.7/bin/python3.11", REAL)
    wanted = place(tmp_path / ".pyenv/versions/3.12.1/bin/python3.12", REAL)
    assert set_up(checkout, "--find", path=tools, home=tmp_path).stdout.strip() == str(wanted)


def test_with_none_uv_fetches_one(checkout, tools, tmp_path):
    fetched = place(tmp_path / "managed" / "python", REAL)
    place(
        tools / "uv", f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ "$2" = find ] && echo {fetched}\nexit 0\n'
    )
    assert set_up(checkout, "--find", path=tools).stdout.strip() == str(fetched)
    assert "python install" in (tmp_path / "asked").read_text()


def test_with_none_at_all_it_says_what_to_install(checkout, tools):
    result = set_up(checkout, path=tools)
    assert result.returncode == 1
    assert "apt-get install python3" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_chosen_python_that_does_not_do_is_named(checkout, tools):
    shim = place(tools / "python3.13", SHIM)
    result = set_up(checkout, "--find", path=tools, PYTHON=str(shim))
    assert result.returncode == 1
    assert str(shim) in result.stderr


def test_builds_once_repairs_what_is_broken_and_becomes_the_command(checkout, tools):
    place(tools / "python3.13", REAL)
    first = set_up(checkout, "--", "-c", "import sys; print(sys.prefix)", path=tools)
    assert first.stdout.splitlines()[-1] == str(checkout / ".venv"), first.stderr
    assert "Making .venv" in first.stdout
    assert set_up(checkout, path=tools).stdout == ""

    (checkout / "requirements.lock").write_text("# changed\n")
    changed = set_up(checkout, path=tools).stdout
    assert "Installing" in changed
    assert "Making" not in changed

    (checkout / ".venv/taqseem-stamp.json").unlink()
    assert "Making .venv" in set_up(checkout, path=tools).stdout
    (checkout / ".venv/bin/python").unlink()
    assert "Making .venv" in set_up(checkout, path=tools).stdout
    assert set_up(checkout, path=tools).stdout == ""


def test_what_the_tests_need_serves_the_portal_too(checkout, tools):
    place(tools / "python3.13", REAL)
    assert "Installing requirements-dev.lock" in set_up(checkout, "--dev", path=tools).stdout
    assert set_up(checkout, path=tools).stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to act for somebody else")
def test_a_checkout_of_somebody_else_is_refused_in_plain_words(checkout, open_directory, ordinary_user):
    theirs = shutil.copytree(checkout, open_directory / "somebody-elses")
    result = ordinary_user.run(ordinary_user.python, theirs / "deploy/local/build_venv.py")
    assert result.returncode == 1
    assert "belongs to somebody else" in result.stderr
