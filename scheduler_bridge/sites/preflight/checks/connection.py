"""Is there a slurmrestd at the address, does it know us, and how well does it serve?"""

import ipaddress
import socket
import ssl
import statistics
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from datacenters.models import Cluster
from scheduler_bridge.sites.clients import key_path
from scheduler_bridge.sites.preflight import config
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.probe import Probe, apart
from scheduler_bridge.slurm_rest_client import (
    AuthRejected,
    NeverSent,
    NoAnswer,
    ProtocolError,
    SlurmError,
    TLSFailed,
    Unavailable,
    VersionUnsupported,
    tls_context,
)
from scheduler_bridge.slurm_rest_client.codecs import SUPPORTED
from scheduler_bridge.slurm_rest_client.tls import tls_failure

CONNECT_SECONDS = 5
CALLS = 10
SLOW_MEDIAN_MS = 1000
SLOW_WORST_MS = 5000
LONG_BACKLOG = 1000
CLOCK_WARNING_SECONDS = 5
# A token that lives so long is accepted by a clock that is ahead, unless by more than that. It is no longer
# good for whoever stands at the address and keeps it.
LONG_TOKEN_SECONDS = 900


def transport(probe: Probe) -> Line:
    parts = urlsplit(probe.cluster.url)
    if parts.scheme == "https":
        return Line("transport", "tls")
    return Line("transport", "loopback" if _is_loopback(parts.hostname or "") else "plain")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reachable(probe: Probe) -> Line:
    """Step by step, so that the line names the step that failed."""
    parts = urlsplit(probe.cluster.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    where = {"host": host, "port": port}
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain:
            if parts.scheme == "https":
                with _tls_of(probe.cluster).wrap_socket(plain, server_hostname=host):
                    pass
    except socket.gaierror:
        return Line("reachable", "unknown_host", where)
    except ConnectionRefusedError:
        return Line("reachable", "refused", where)
    except TimeoutError:
        return Line("reachable", "timeout", where)
    except TLSFailed as error:
        return _tls_line(where, error)
    except ssl.SSLError as error:
        return _tls_line(where, tls_failure("connect", error, connecting=True))
    except OSError as error:
        return Line("reachable", "unreachable", where | {"reason": error.strerror or str(error)})
    probe.front_skew = _front_clock(probe.cluster)
    return Line("reachable", "ok", where)


def _tls_of(cluster: Cluster) -> ssl.SSLContext:
    """With the same certificates as the client's."""
    files = (key_path(cluster, ending) for ending in (".ca.pem", ".client.pem"))
    ca, certificate = (path if path.exists() else None for path in files)
    return tls_context(ca=ca, client=certificate)


def _tls_line(where: dict[str, Any], error: TLSFailed | None) -> Line:
    """Cause and remedy are message ids of the client."""
    facts = {"reason": error.reason, "cause": error.cause, "advice": error.remedy} if error else {}
    return Line("reachable", "tls", {"reason": "TLS", "cause": "", "advice": ""} | where | facts)


def _front_clock(cluster: Cluster) -> int | None:
    """How far the clock of what answers at the address is ahead, if it sends a Date. slurmrestd doesn't."""
    before = time.time()
    try:
        reply = httpx.get(cluster.url, timeout=CONNECT_SECONDS, trust_env=False, verify=_tls_of(cluster))
        told = parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (httpx.HTTPError, TLSFailed, KeyError, ValueError):
        return None
    return apart(told, before, time.time())


def versions(probe: Probe) -> Line:
    try:
        found = probe.client.discover(probe.token())
    except NeverSent as error:
        return Line("versions", "no_slurm", {"reason": error.reason})
    except VersionUnsupported:
        return Line("versions", "none", {"known": ", ".join(SUPPORTED)})
    except SlurmError as error:
        # The release that answers a ping with an error when it rejects the token still shows what it speaks.
        spoken = _spoken(probe)
        if not spoken:
            return Line("versions", "no_slurm", {"reason": error.reason})
        probe.versions = spoken
    else:
        probe.versions, probe.release, probe.reported_name = found.versions, found.release, found.cluster
    best = probe.versions[0]
    probe.speak(best)
    params = {"release": probe.release or "?", "versions": ", ".join(probe.versions), "best": best}
    return Line("versions", "ok", params)


def _spoken(probe: Probe) -> tuple[str, ...]:
    """Versions to which the cluster answers anything but that it doesn't know them."""
    spoken = []
    for version in SUPPORTED:
        probe.speak(version)
        try:
            probe.client.ping(probe.token())
        except (VersionUnsupported, ProtocolError, NeverSent):
            continue
        except NoAnswer as error:
            if not error.status:
                continue
        except SlurmError:
            pass
        spoken.append(version)
    return tuple(spoken)


def token(probe: Probe) -> Line:
    key = {"key": probe.cluster.signer.rpartition("/")[2]}
    if probe.key_problem:
        return Line("token", probe.key_problem, key)
    try:
        probe.diag()
    except (AuthRejected, NoAnswer, Unavailable) as error:
        if not _rejected(probe, error):
            return Line("token", "controller", {"reason": error.reason})
        return Line("token", "clock" if _accepts_long_tokens(probe) else "wrong_key", key)
    return Line("token", "ok", {"login": probe.cluster.operator_login})


def _rejected(probe: Probe, error: SlurmError) -> bool:
    """22.05 says the same of a bad token as of a dead slurmctld; there slurmdbd tells."""
    if isinstance(error, AuthRejected):
        return True
    try:
        probe.client.tres(probe.token())
    except AuthRejected:
        return True
    except SlurmError:
        pass
    return False


def _accepts_long_tokens(probe: Probe) -> bool:
    try:
        probe.diag(seconds=LONG_TOKEN_SECONDS)
    except SlurmError:
        return False
    return True


def clock(probe: Probe) -> Line:
    most = max(1, settings.DISPATCH_TOKEN_SECONDS // 2)
    told = {"slurmctld": probe.skew or 0, "slurmrestd": probe.front_skew or 0}
    whose = max(told, key=lambda name: abs(told[name]))
    seconds = abs(told[whose])
    if seconds >= most:
        return Line("clock", "broken", {"whose": whose, "seconds": seconds, "most": most})
    if seconds > CLOCK_WARNING_SECONDS:
        return Line("clock", "skewed", {"whose": whose, "seconds": seconds, "most": most})
    return Line("clock", "ok", {"seconds": max(seconds, 1)})


def speaker(probe: Probe) -> Line:
    login = probe.cluster.operator_login
    powerful = login in {"root", "slurm", config.slurm_user(probe.config)}
    return Line("speaker", "powerful" if powerful else "ok", {"login": login})


def service(probe: Probe) -> Line:
    took, queue = [], 0
    for _call in range(CALLS):
        started = time.monotonic()
        queue = probe.diag().dbd_agent_queue_size
        took.append(1000 * (time.monotonic() - started))
    median, worst = round(statistics.median(took)), round(max(took))
    if queue > LONG_BACKLOG:
        return Line("service", "backlog", {"queue": queue})
    slow = median > SLOW_MEDIAN_MS or worst > SLOW_WORST_MS
    params = {"calls": CALLS, "median": median, "worst": worst, "queue": queue}
    return Line("service", "slow" if slow else "ok", params)
