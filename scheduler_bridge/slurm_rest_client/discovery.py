"""Which REST versions a cluster speaks: one ping per version that we speak, best first."""

from .auth import Token
from .codecs import SUPPORTED, Codec, codec_for
from .errors import AuthRejected, SlurmError, VersionUnsupported
from .models import Discovery, Ping
from .transport import Transport


def discover(transport: Transport, token: Token) -> Discovery:
    """Raises VersionUnsupported when there is no common version, NeverSent when nobody is there, AuthRejected
    when the token is refused."""
    found: dict[str, Ping] = {}
    for version in SUPPORTED:
        codec = codec_for(version)
        try:
            found[version] = codec.read_ping(transport.send(codec.ping(), token))
        except VersionUnsupported:
            continue
    if not found:
        raise VersionUnsupported("discover", f"the cluster speaks none of {', '.join(SUPPORTED)}")
    best, ping = next(iter(found.items()))
    if not ping.up:
        _check_token(transport, token, codec_for(best))
    return Discovery(versions=tuple(found), release=ping.release, cluster=ping.cluster)


def _check_token(transport: Transport, token: Token, codec: Codec) -> None:
    """A ping says the same to a bad token as of a dead controller. slurmdbd tells the truth on 22.05,
    slurmctld on 24.11; when neither answers, it is not the token that is wrong first."""
    for request, read in ((codec.tres(), codec.read_tres), (codec.diag(), codec.read_diag)):
        try:
            read(transport.send(request, token))
        except AuthRejected:
            raise
        except SlurmError:
            continue
        return
