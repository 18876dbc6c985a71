"""Containers without an engine: namespaces, overlays and dropped rights, as docker-compose.yml asks for them.

A Pod holds PID, mount, network and UTS namespaces; each container in it is a chroot into an overlay over this
machine, or over a Debian tree, with the service's own command, user, environment, secrets, volumes, tmpfs,
read-only root and capabilities. All share one loopback, where every service's name leads. What it doesn't
show is what an engine does itself: pulling and building layers, its networks, limits and log files.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.places import CHECKOUT

# First process of a pod: brings its loopback up, with an address that doesn't look like one, since looking up
# IPv4 names want such; then waits for orphans.
INIT = """
import fcntl, os, signal, socket, struct
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1 | 64))
    address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton("198.18.0.1"))
    fcntl.ioctl(any_socket, 0x8916, address)
print("up", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.sigtimedwait([signal.SIGCHLD], 1)
"""
# In place of an engine's name server: whatever is asked for is here.
NAME_SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.11", 53))
while True:
    question, caller = server.recvfrom(512)
    end = question.index(b"\\0", 12) + 5
    is_a = question[end - 4 : end - 2] == b"\\0\\1"
    record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\1" if is_a else b""
    header = question[:2] + b"\\x81\\x80\\0\\1\\0" + (b"\\1" if is_a else b"\\0") + b"\\0\\0\\0\\0"
    server.sendto(header + question[12:end] + record, caller)
"""
PASSWD = """root:x:0:0:root:/root:/bin/sh
nginx:x:101:101::/:/bin/sh
postgres:x:999:999::/:/bin/sh
taqseem:x:10001:10001::/tmp:/bin/sh
"""
GROUPS = """root:x:0:
nginx:x:101:
postgres:x:999:
taqseem:x:10001:
"""


@dataclass
class Image:
    """What stands for an image: folders laid over a root, and what its Dockerfile says besides."""

    lower: Path = Path("/")
    binds: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    workdir: str = "/"
    prepare: str = ""
    """Shell lines that complete the root, whose path is $root."""


class Pod:
    """The namespaces, and the containers in them. Everything goes when it ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.containers: dict[str, Container] = {}
        self._others: list[subprocess.Popen] = []

    def __enter__(self) -> "Pod":
        namespaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*namespaces, "--propagation", "private", sys.executable, "-c", INIT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._holder.stdout.readline() == b"up\n"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self.init = int(children[0])
        self.run(["mount", "-t", "tmpfs", "-o", "mode=755", "pod", self._mount_point()], check=True)
        self.spawn("name-server", [sys.executable, "-c", NAME_SERVER])
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.init, signal.SIGKILL)
        self._holder.wait()
        self._holder.stdout.close()
        for process in [*self._others, *(one.process for one in self.containers.values())]:
            process.wait()

    def _mount_point(self) -> str:
        (self.directory / "roots").mkdir(exist_ok=True)
        return str(self.directory / "roots")

    def enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.init), "--mount", "--pid", "--net", "--uts", "--"]

    def run(self, command, **options) -> subprocess.CompletedProcess:
        """Run a command of this machine in the pod's namespaces."""
        words = [*self.enter(), *(str(word) for word in command)]
        return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)

    def spawn(self, name, command) -> subprocess.Popen:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.enter(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._others.append(process)
        return process

    def log(self, name) -> str:
        return processes.last_lines(self.logs / f"{name}.log", 40)

    def start(self, name, service, image: Image, *, names=()) -> "Container":
        """Start a service as the parsed docker-compose.yml describes it."""
        container = self.containers[name] = Container(self, name, service, image, names)
        return container


class Container:
    """One service at work. `paths` leads host paths of its volumes elsewhere."""

    def __init__(self, pod: Pod, name: str, service: dict, image: Image, names) -> None:
        self.pod, self.name, self.service, self.image = pod, name, service, image
        self.root = pod.directory / "roots" / name
        done = pod.run(["sh", "-euc", self._build(names)])
        assert done.returncode == 0, f"{name}: {done.stderr}"
        command = [*(service.get("entrypoint") or image.entrypoint), *service.get("command", [])]
        with (pod.logs / f"{name}.log").open("ab") as log:
            # As container runtimes do, so that /dev/stdout can be opened again.
            os.fchown(log.fileno(), *map(int, service.get("user", "0:0").split(":")))
            self.process = subprocess.Popen(
                self._inside([word.replace("$$", "$") for word in command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _build(self, names) -> str:
        """The script that makes the root: overlay, binds, secrets, volumes, tmpfs; read-only at last."""
        root = shlex.quote(str(self.root))
        writable = shlex.quote(f"{self.root}.rw")
        lines = [
            f"root={root}; mkdir -p $root {writable}/up {writable}/work",
            f"mount -t overlay overlay -o lowerdir={self.image.lower},upperdir={writable}/up,"
            f"workdir={writable}/work $root",
            "mkdir -p $root/tmp $root/dev $root/proc",
            f"echo 127.0.0.1 localhost {' '.join(names)} > $root/etc/hosts",
            "mount --rbind /dev $root/dev; mount -t tmpfs shm $root/dev/shm; mount -t proc proc $root/proc",
        ]
        if self.image.lower == Path("/"):
            lines.append(f"printf %s {shlex.quote(PASSWD)} > $root/etc/passwd")
            lines.append(f"printf %s {shlex.quote(GROUPS)} > $root/etc/group")
        for target, source in self.image.binds.items():
            lines += self._bind(source, target, "ro")
        lines.append(self.image.prepare)
        for entry in self.service.get("tmpfs", []):
            target, _, options = entry.partition(":")
            target = target.replace("/var/run/", "/run/")  # a link, which would lead out of the root
            lines.append(f"mkdir -p $root{target}")
            lines.append(f"mount -t tmpfs -o {options or 'mode=1777'} tmpfs $root{target}")
        for volume in self.service.get("volumes", []):
            source, target, mode = (*volume.split(":"), "rw")[:3]
            if source.startswith("/"):
                lines += self._bind(Path(source), target, mode)
            else:  # a named volume begins with its image's owner
                kept = shlex.quote(f"{self.pod.directory}/roots/volumes/{source}")
                owner = self.service.get("user", "0:0")
                lines.append(f"[ -d {kept} ] || install -d -o {owner.replace(':', ' -g ')} {kept}")
                lines.append(f"mkdir -p $root{target}; mount --bind {kept} $root{target}")
        for secret in self.service.get("secrets", []):
            lines += self._bind(Path(secret["file"]), f"/run/secrets/{secret['source']}", "ro")
        if self.service.get("read_only"):
            lines.append("mount -o remount,ro $root")
        return "\n".join(lines)

    def _bind(self, source: Path, target: str, mode: str) -> list[str]:
        place = f"$root{shlex.quote(target)}"
        # Whoever isn't root reaches what lies below root's own home.
        parents = [f"$root{parent}" for parent in list(Path(target).parents)[:-1]]
        make = f"mkdir -p {place}" if source.is_dir() else f"mkdir -p $(dirname {place}); touch {place}"
        return [
            make,
            *(f"chmod a+x {parent}" for parent in parents if self.image.lower == Path("/")),
            f"mount --bind {shlex.quote(str(source))} {place}",
            *([f"mount -o remount,bind,ro {place}"] if mode == "ro" else []),
        ]

    def _inside(self, command) -> list[str]:
        """The command line that runs in this container with its user, rights and environment."""
        user, _, group = self.service.get("user", "0:0").partition(":")
        kept = "".join(f",+{name.lower()}" for name in self.service.get("cap_add", []))
        rights = ["--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all{kept}"]
        given = self.service.get("environment", {})
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment |= self.image.environment | {
            name: str(value).replace("$$", "$") for name, value in given.items() if value is not None
        }
        return [
            *self.pod.enter(), "chroot", str(self.root), "setpriv", f"--reuid={user}", f"--regid={group}",
            "--clear-groups", *rights, "env", "-i", f"--chdir={self.image.workdir}",
            *(f"{name}={value}" for name, value in environment.items()), *command,
        ]  # fmt: skip

    def execute(self, *command, input: bytes = b"") -> subprocess.CompletedProcess:
        """`docker-compose exec -T`; what it says is decoded where it is text."""
        words = self._inside([str(word) for word in command])
        done = subprocess.run(words, capture_output=True, input=input, timeout=120, check=False)
        done.stderr = done.stderr.decode(errors="replace")
        with contextlib.suppress(UnicodeDecodeError):
            done.stdout = done.stdout.decode()
        return done

    def stop(self, seconds: float = 60) -> int:
        """`docker-compose stop`, which must not come to a kill; its exit code."""
        nsenter = self.process.pid
        for main in Path(f"/proc/{nsenter}/task/{nsenter}/children").read_text().split():
            os.kill(int(main), signal.SIGTERM)
        return self.process.wait(seconds)

    def is_healthy(self) -> bool:
        """What its health check says, once."""
        kind, *command = (word.replace("$$", "$") for word in self.service["healthcheck"]["test"])
        words = ["sh", "-c", *command] if kind == "CMD-SHELL" else command
        return self.execute(*words).returncode == 0

    def must(self, condition: str, seconds: float = 300) -> None:
        """Wait for a condition of depends_on. Raises AssertionError with the end of its log."""
        if condition == "service_completed_successfully":
            assert self.process.wait(seconds) == 0, self.pod.log(self.name)
        elif condition == "service_healthy":

            def settled() -> bool:
                return self.process.poll() is not None or self.is_healthy()

            assert processes.wait_until(settled, seconds=seconds, every=0.3), self.pod.log(self.name)
            assert self.process.poll() is None, f"{self.name} ended:\n{self.pod.log(self.name)}"


def ignored_by(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore leaves this path out of the build; the last pattern that fits decides."""
    verdict = False
    parts = path.split("/")
    ways = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for pattern in patterns:
        expression = re.escape(pattern.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        expression = expression.replace(r"\[", "[").replace(r"\]", "]")
        if any(re.fullmatch(expression, way) for way in ways):
            verdict = not pattern.startswith("!")
    return verdict


def context_files(checkout: Path = CHECKOUT) -> list[str]:
    """What a build is sent: the files git knows or would take, less what .dockerignore leaves out."""
    patterns = [
        line for line in (checkout / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=checkout, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [
        path for path in listed.stdout.splitlines()
        if not ignored_by(path, patterns) and (checkout / path).exists()
    ]  # fmt: skip


class Dockerfile:
    """A Dockerfile's instructions, with continued lines joined; only what ours use."""

    def __init__(self, path: Path) -> None:
        joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE))
        self.instructions = [
            (line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in joined.splitlines() if line
        ]

    def of(self, name: str) -> list[str]:
        return [value for found, value in self.instructions if found == name]

    def copies(self) -> list[tuple[str, str]]:
        """(source in the checkout, target) of each COPY that isn't from an earlier stage."""
        pairs = []
        for value in self.of("COPY"):
            if not value.startswith("--from"):
                *sources, target = value.split()
                pairs += [(source, f"{target}{source}" if target == "./" else target) for source in sources]
        return pairs

    def environment(self) -> dict[str, str]:
        """What the last stage's ENV sets."""
        return dict(word.split("=", 1) for value in self.of("ENV")[-1:] for word in shlex.split(value))

    def build(self, target: Path, checkout: Path = CHECKOUT) -> None:
        """Do the COPYs into `target`. Raises AssertionError for one that copies nothing."""
        files = context_files(checkout)
        for source, place in self.copies():
            chosen = [path for path in files if path == source or path.startswith(f"{source}/")]
            assert chosen, f"COPY {source}: no such file in the build's context"
            for path in chosen:
                copy = target / (place + path.removeprefix(source))
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes((checkout / path).read_bytes())
                copy.chmod((checkout / path).stat().st_mode & 0o777)


def short_directory() -> Path:
    """A folder with a short name that everybody may enter: sockets and overlays lie below it."""
    directory = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="tq-pod-"))
    directory.chmod(0o755)
    return directory
