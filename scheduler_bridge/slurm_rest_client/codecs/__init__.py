"""Codecs turn typed calls into one REST version's requests and its replies into typed answers."""

from ..capabilities import version_number
from ..errors import VersionUnsupported
from .base import Codec
from .v42 import V42Codec

SUPPORTED = ("v0.0.42", "v0.0.44", "v0.0.43", "v0.0.41", "v0.0.40")
"""Best first: v0.0.42 is the one that is tested against real daemons."""


def codec_for(version: str) -> Codec:
    """Raises VersionUnsupported, or ValueError when `version` is not a version at all."""
    if 40 <= version_number(version) <= 44:
        return V42Codec(version)
    raise VersionUnsupported("codec", f"this client has no codec for {version}")


__all__ = ["SUPPORTED", "Codec", "codec_for"]
