"""A site behind NAT dials out: the shipped sshd and ssh settings, a real sshd, TLS end to end through it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler_bridge.slurm_rest_client import NeverSent, SlurmClient, Timeouts, TLSFailed, Token, tls_context
from tests.site.stage import FILES, OPERATOR, run

# An account that every Debian has, without a shell, in the place of tunnel-SITE.
USER = "nobody"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Tunnel:
    """The portal's sshd and how the site's ssh calls it."""

    port: int
    permitted: int
    folder: Path

    def ssh(self, *arguments: str) -> list[str]:
        settings = self.folder / "tunnel.ssh_config"
        return ["ssh", "-F", str(settings), "-p", str(self.port), *arguments, f"{USER}@127.0.0.1"]

    def refusal_of(self, *arguments: str) -> str:
        """What ssh says as it gives up."""
        done = subprocess.run(
            self.ssh(*arguments), capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
        )
        assert done.returncode != 0
        return done.stderr


@contextmanager
def started(command: list[str], *, ready: int) -> Iterator[None]:
    """The command while something listens at port `ready`."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline, f"nothing came to listen at {ready}"
            with suppress(OSError), socket.create_connection(("127.0.0.1", ready), timeout=1):
                break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # ssh of Debian 12 can miss a signal just before it sleeps
            process.kill()
            process.wait(10)
        process.stderr.close()


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory) -> Iterator[Tunnel]:
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not sshd or os.geteuid() != 0:
        pytest.skip(
            "needs sshd (package openssh-server) and root; installing it would open a port, so nobody does"
        )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder = tmp_path_factory.mktemp("tunnel")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # sshd reads the site's keys as that user
    for name in ("host", "tunnel"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / f"{name}.key")
    port, permitted = free_port(), free_port()
    public = (folder / "tunnel.key.pub").read_text()
    keys = folder / "taqseem-tunnels"
    keys.mkdir()
    (keys / USER).write_text(f'restrict,port-forwarding,permitlisten="127.0.0.1:{permitted}" {public}')
    host = " ".join((folder / "host.key.pub").read_text().split()[:2])
    (folder / "tunnel.known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")

    rules = (FILES / "portal-sshd.conf").read_text()
    rules = rules.replace("Match User tunnel-*", f"Match User {USER}").replace(
        "/etc/ssh/taqseem-tunnels", str(keys)
    )
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host.key\nPidFile none\nUsePAM no\n"
        f"StrictModes no\n{rules}"
    )
    calls = (FILES / "tunnel.ssh_config").read_text().replace("/etc/taqseem-proxy", str(folder))
    (folder / "tunnel.ssh_config").write_text(calls)
    run(sshd, "-t", "-f", folder / "sshd_config")
    with started([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], ready=port):
        yield Tunnel(port, permitted, folder)


def test_the_portal_reaches_the_proxy_through_the_tunnel(tunnel, site, proxy, behind, authority):
    token = Token(OPERATOR, site.token(OPERATOR), int(time.time()) + 60)
    url = f"https://localhost:{tunnel.permitted}"
    timeouts = Timeouts(connect=5, total=10)
    dialling = tunnel.ssh("-N", "-T", "-R", f"127.0.0.1:{tunnel.permitted}:127.0.0.1:{proxy.port}")
    with started(dialling, ready=tunnel.permitted):
        with SlurmClient(url, tls=site.tls(), timeouts=timeouts) as slurm:
            assert slurm.ping(token).up
        assert len(behind.calls) == 1
        # Whoever stands at the portal's end of the tunnel without the portal's certificate gets nowhere.
        with (
            SlurmClient(url, tls=tls_context(ca=authority.ca), timeouts=timeouts) as slurm,
            pytest.raises(TLSFailed, match="certificate required"),
        ):
            slurm.ping(token)
        assert len(behind.calls) == 1
    with SlurmClient(url, tls=site.tls(), timeouts=timeouts) as slurm, pytest.raises(NeverSent):
        slurm.ping(token)


def test_the_tunnels_key_is_good_for_nothing_else(tunnel, proxy):
    other = free_port()
    to_proxy = f"127.0.0.1:{proxy.port}"
    assert "forwarding failed" in tunnel.refusal_of("-N", "-R", f"127.0.0.1:{other}:{to_proxy}")
    assert "forwarding failed" in tunnel.refusal_of("-N", "-R", f"0.0.0.0:{tunnel.permitted}:{to_proxy}")
    assert "open failed" in tunnel.refusal_of("-T"), "no shell"
    # Nor into the portal's own network.
    inward = free_port()
    with (
        started(tunnel.ssh("-N", "-T", "-L", f"127.0.0.1:{inward}:127.0.0.1:{tunnel.port}"), ready=inward),
        socket.create_connection(("127.0.0.1", inward), timeout=5) as line,
    ):
        assert line.recv(100) == b"", "sshd's greeting would come here"


def test_the_check_of_what_is_permitted_can_fail(tunnel, proxy):
    """The port that is refused above is refused by `permitlisten` alone."""
    other = free_port()
    keys = tunnel.folder / "taqseem-tunnels" / USER
    before = keys.read_text()
    keys.write_text(before.replace(str(tunnel.permitted), str(other)))
    try:
        with started(tunnel.ssh("-N", "-T", "-R", f"127.0.0.1:{other}:127.0.0.1:{proxy.port}"), ready=other):
            pass
    finally:
        keys.write_text(before)
