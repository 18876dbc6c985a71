"""Checking tokens as slurmctld does: HS256 with the cluster's key, `sun` and `exp`."""

import base64
import binascii
import hashlib
import hmac

import msgspec


class _Claims(msgspec.Struct):
    sun: str
    exp: float


_claims = msgspec.json.Decoder(_Claims)


def user_of(token: str, key: bytes, now: float) -> str | None:
    """The user that the token speaks for, or None when it is forged, broken or expired."""
    signed, _, signature = token.rpartition(".")
    try:
        given = _unpack(signature)
        claims = _claims.decode(_unpack(signed.partition(".")[2]))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    if not hmac.compare_digest(given, hmac.digest(key, signed.encode(), hashlib.sha256)):
        return None
    return claims.sun if claims.exp > now else None


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
