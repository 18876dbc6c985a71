"""The portal's own key for a site (RS256): made here, never leaving here; the site gets the public half.

`ned.pem` signs. While it is being changed `ned.next.pem` lies beside it, and the site knows both.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Cluster
from portal.foundation.errors import DomainError
from portal.foundation.services import audit
from scheduler_bridge.sites.clients import key_path
from scheduler_bridge.slurm_rest_client import RS256Signer

KEY_BITS = 3072


@dataclass(frozen=True)
class SiteKeys:
    """The keys of one cluster; `following` only while the key is being changed."""

    current: RS256Signer
    following: RS256Signer | None

    @property
    def for_the_site(self) -> dict[str, str]:
        """Public files by their names at the site."""
        keys = [key for key in (self.current, self.following) if key]
        files = {"jwks.json": json.dumps({"keys": [key.jwk for key in keys]}, indent=1) + "\n"}
        for name, key in zip(("current.pem", "next.pem"), keys, strict=False):
            files[name] = key.public_pem().decode()
        return files


def site_keys(cluster: Cluster) -> SiteKeys:
    """Raises DomainError where no key has been made, OSError and ValueError where one can't be read."""
    current, following = _paths(cluster)
    if not current.exists():
        raise DomainError(
            _("There is no key for %(cluster)s yet.") % {"cluster": cluster.code},
            remedy=_("Make the first one without an option."),
        )
    return SiteKeys(_signer(current), _signer(following) if following.exists() else None)


def site_key_make(*, cluster: Cluster) -> SiteKeys:
    """The cluster's keys; the first one is made if there is none. Never replaces one."""
    current, _following = _paths(cluster)
    if not current.exists():
        _make(current)
        _tell(cluster, "site_key_make", _signer(current))
    return site_keys(cluster)


def site_key_make_next(*, cluster: Cluster) -> SiteKeys:
    """Makes the key that is to follow, unless it is there. The present one goes on signing."""
    site_keys(cluster)
    _current, following = _paths(cluster)
    if not following.exists():
        _make(following)
        _tell(cluster, "site_key_make_next", _signer(following))
    return site_keys(cluster)


def site_key_switch(*, cluster: Cluster) -> SiteKeys:
    """The following key signs from now on and the former is gone. Raises DomainError where none follows."""
    current, following = _paths(cluster)
    if site_keys(cluster).following is None:
        raise DomainError(
            _("There is no key to change to."),
            remedy=_("Make one with --next and give it to the site first."),
        )
    os.replace(following, current)
    keys = site_keys(cluster)
    _tell(cluster, "site_key_switch", keys.current)
    return keys


def _paths(cluster: Cluster) -> tuple[Path, Path]:
    return key_path(cluster, ".pem"), key_path(cluster, ".next.pem")


def _signer(path: Path) -> RS256Signer:
    return RS256Signer(path.read_bytes())


def _make(path: Path) -> None:
    pem = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(pem)


def _tell(cluster: Cluster, action: str, key: RS256Signer) -> None:
    with transaction.atomic():
        audit.record(actor=None, action=action, target=cluster, after={"kid": key.jwk["kid"]})
