"""A client for each cluster, kept for the life of the process, and the tokens that it is called with.

Beside a cluster's key file `ned.pem` (or `ned.key`) may lie `ned.ca.pem`, the only authority that its
certificate may come from, and `ned.client.pem`, the portal's own certificate and key for this site.
"""

import errno
import hashlib
import hmac
import threading
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from datacenters.models import Cluster
from scheduler_bridge.slurm_rest_client import (
    HS256Signer,
    RS256Signer,
    Signer,
    SlurmClient,
    Token,
    tls_context,
)

_lock = threading.Lock()
_clients: dict[tuple[str, str, str], tuple[object, SlurmClient]] = {}

# Seconds that a token for looking and for limits lives.
READ_TOKEN_SECONDS = 60


def client_for(cluster: Cluster, *, lane: str = "look") -> SlurmClient:
    """The process's client for this cluster's address and REST version; a new one when a certificate is
    renewed. Each lane has connections of its own: jobs that are sent don't wait behind slow looks. Raises
    TLSFailed where a certificate can't be read."""
    ca, certificate = (_present(key_path(cluster, ending)) for ending in (".ca.pem", ".client.pem"))
    files = (ca, ca and ca.stat().st_mtime_ns, certificate, certificate and certificate.stat().st_mtime_ns)
    key = (cluster.url, cluster.api_version, lane)
    with _lock:
        made_with, client = _clients.get(key, (None, None))
        if client is None or made_with != files:
            tls = tls_context(ca=ca, client=certificate) if any(files) else None
            client = SlurmClient(cluster.url, api_version=cluster.api_version, max_connections=4, tls=tls)
            # The one before it ends with its last call.
            _clients[key] = (files, client)
        return client


def _present(path: Path) -> Path | None:
    return path if path.exists() else None


def signer_for(cluster: Cluster) -> Signer:
    """Signs with the cluster's key file: RS256 with a `.pem`, HS256 with the raw bytes of any other.

    The name decides and not the content, for Slurm's own manual makes jwt_hs256.key with `openssl genrsa`.
    Raises OSError where the file can't be read or holds no key.
    """
    path = key_path(cluster)
    return _signer(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _signer(path: Path, _changed: int) -> Signer:
    kind = RS256Signer if path.suffix == ".pem" else HS256Signer
    try:
        return kind(path.read_bytes())
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None


def key_path(cluster: Cluster, ending: str = "") -> Path:
    """The cluster's key file, or the one with this ending beside it."""
    path = Path(settings.KEYS_DIR, cluster.signer)
    return path.with_name(path.stem + ending) if ending else path


def operator_token(cluster: Cluster) -> Token:
    """A short token for the operator login: lists, limits, cancels."""
    return signer_for(cluster).mint(cluster.operator_login, int(time.time()) + READ_TOKEN_SECONDS)


def marker(
    *, attempt: str, cluster: str, login: str, slurm_account: str, name: str, secret: str | None = None
) -> str:
    """The comment that a job carries: `tq:<attempt>:<HMAC>`. Only what verifies was sent by us.

    `secret` is SECRET_KEY, or an earlier one to verify by.
    """
    text = "\n".join([attempt, cluster, login, slurm_account, name])
    key = f"taqseem marker {secret or settings.SECRET_KEY}".encode()
    return f"tq:{attempt}:{hmac.digest(key, text.encode(), hashlib.sha256).hex()[:32]}"
