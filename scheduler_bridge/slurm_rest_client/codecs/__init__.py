"""Codecs turn typed calls into one REST version's requests and its replies into typed answers."""

from ..capabilities import version_number
from ..errors import VersionUnsupported
from .base import Codec
from .v38 import V38Codec
from .v42 import V42Codec

SUPPORTED = ("v0.0.42", "v0.0.44", "v0.0.43", "v0.0.41", "v0.0.40", "v0.0.38")
"""Best first: v0.0.42 and v0.0.38 are the ones that are tested against real daemons."""


def codec_for(version: str) -> Codec:
    """Raises VersionUnsupported, or ValueError when `version` is not a version at all."""
    number = version_number(version)
    if 40 <= number <= 44:
        return V42Codec(version)
    if number == 38:
        return V38Codec(version)
    raise VersionUnsupported("codec", f"this client has no codec for {version}")


__all__ = ["SUPPORTED", "Codec", "codec_for"]
