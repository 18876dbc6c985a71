"""A client for each cluster, kept for the life of the process, and the tokens that it is called with."""

import hashlib
import hmac
import threading
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from datacenters.models import Cluster
from scheduler_bridge.slurm_rest_client import HS256Signer, SlurmClient, Token

_lock = threading.Lock()
_clients: dict[tuple[str, str], SlurmClient] = {}

# Seconds that a token for looking and for limits lives.
READ_TOKEN_SECONDS = 60


def client_for(cluster: Cluster) -> SlurmClient:
    """The process's client for this cluster's address and REST version."""
    key = (cluster.url, cluster.api_version)
    with _lock:
        if key not in _clients:
            _clients[key] = SlurmClient(cluster.url, api_version=cluster.api_version, max_connections=4)
        return _clients[key]


def signer_for(cluster: Cluster) -> HS256Signer:
    """Signs with the cluster's key file. Raises OSError where it can't be read."""
    path = Path(settings.KEYS_DIR, cluster.signer)
    return _signer(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _signer(path: str, _changed: int) -> HS256Signer:
    return HS256Signer(Path(path).read_bytes())


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
