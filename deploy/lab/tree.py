"""The Debian tree that a Slurm release runs in: built once per machine, cached outside the checkout."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.lab.catalogue import SERVICE_USERS, USERS, Release
from deploy.lab.state import LabError

CACHE = Path(os.environ.get("TAQSEEM_CACHE", "/var/cache/taqseem"))
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PROVISION = Path(__file__).with_name("provision.sh")
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
"""Whatever is mounted or started under these goes when the command ends, however it ends."""


def tree_path(release: Release) -> Path:
    """Where the tree of this release lies; another recipe gives another name."""
    recipe = repr((release.suite, release.packages, USERS, SERVICE_USERS)) + PROVISION.read_text()
    return CACHE / f"slurm-{release.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def ensure_tree(release: Release) -> Path:
    """The tree, built first where it is missing (about a minute). Two callers at once build it once."""
    tree = tree_path(release)
    if tree.exists():
        return tree
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{tree.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            _build(release, tree)
    return tree


def remove_tree(path: Path) -> None:
    """Remove a folder, unless something is mounted below it: that would empty somebody else's file system."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [point for point in mounted if Path(point).is_relative_to(path.resolve())]
    if below:
        raise LabError(f"{', '.join(below)} is mounted below {path}: unmount it first")
    shutil.rmtree(path)


def _build(release: Release, tree: Path) -> None:
    began = time.monotonic()
    _install_debootstrap()
    print(
        f"lab: building Slurm {release.name} from Debian {release.suite} (once, about a minute)", flush=True
    )
    building = tree.with_name(f"{tree.name}.building")
    if building.exists():
        remove_tree(building)
    log = tree.with_name(f"{tree.name}.log")
    users = " ".join(f"{name}:{uid}" for name, uid in (SERVICE_USERS | USERS).items())
    keyring = [f"--keyring={KEYRING}"] if KEYRING.exists() else []
    try:
        with log.open("w") as output:
            _step(
                ["debootstrap", "--variant=minbase", *keyring, release.suite, str(building), *_mirror()],
                output,
            )
            shutil.copy(PROVISION, building / "provision.sh")
            script = 'mount -t proc lab "$0/proc" && exec chroot "$0" /provision.sh "$@"'
            _step(["sh", "-c", script, str(building), " ".join(release.packages), users], output)
    except subprocess.CalledProcessError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"building the Slurm tree failed (whole log: {log}):\n{tail}") from error
    except BaseException:
        _remove_unfinished(building)
        raise
    building.rename(tree)
    print(f"lab: {tree} built in {time.monotonic() - began:.0f} s", flush=True)


def _remove_unfinished(building: Path) -> None:
    """What an interrupted build leaves; its last processes, just killed, may still be writing."""
    for _ in range(50):
        with suppress(OSError):
            return remove_tree(building)
        time.sleep(0.1)


def _step(command: list[str], output: object) -> None:
    proxy = _apt_setting("Acquire::http::Proxy")
    environment = {"PATH": os.environ["PATH"], **({"http_proxy": proxy} if proxy else {})}
    subprocess.run(
        [*NAMESPACES, *command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=output,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _install_debootstrap() -> None:
    missing = [] if shutil.which("debootstrap") else ["debootstrap"]
    if not KEYRING.exists():
        missing.append("debian-archive-keyring")
    if not missing:
        return
    print(f"lab: installing {', '.join(missing)}", flush=True)
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-qq"]
    with undisturbed():
        for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *missing]):
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode:
                raise LabError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back during what must not stop half-way."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _mirror() -> list[str]:
    """The Debian mirror that apt uses here; none on other distributions: debootstrap knows a default."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = (line.split() for line in targets.stdout.splitlines())
    return next(([words[2]] for words in found if words[:2] == ["Debian", "main"]), [])


def _apt_setting(name: str) -> str:
    shown = subprocess.run(["apt-config", "shell", "VALUE", name], capture_output=True, text=True, check=True)
    return shown.stdout.strip().removeprefix("VALUE=").strip("'")
