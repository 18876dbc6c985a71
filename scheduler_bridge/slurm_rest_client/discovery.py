"""Which REST versions a cluster speaks: one ping per version that we speak, best first."""

from .auth import Token
from .codecs import SUPPORTED, codec_for
from .errors import VersionUnsupported
from .models import Discovery, Ping
from .transport import Transport


def discover(transport: Transport, token: Token) -> Discovery:
    """Raises VersionUnsupported when there is no common version, NeverSent when nobody is there."""
    found: dict[str, Ping] = {}
    for version in SUPPORTED:
        codec = codec_for(version)
        try:
            found[version] = codec.read_ping(transport.send(codec.ping(), token))
        except VersionUnsupported:
            continue
    if not found:
        raise VersionUnsupported("discover", f"the cluster speaks none of {', '.join(SUPPORTED)}")
    first = next(iter(found.values()))
    return Discovery(versions=tuple(found), release=first.release, cluster=first.cluster)
