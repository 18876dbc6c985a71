"""Tokens for slurmrestd: JWT HS256, short-lived, minted for one user.

Whoever holds the HS256 key of a cluster can speak as any of its users, root included. So the key never
leaves the signer, and neither key nor token shows in a repr, an exception or a log line.
"""

import base64
import hashlib
import hmac
import time

import msgspec

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
_SMALLEST_KEY = 16


class Token:
    """A minted token. `expires_at` (epoch seconds) is the fence: a request that lands later does nothing."""

    __slots__ = ("_value", "expires_at", "user")

    def __init__(self, user: str, value: str, expires_at: int) -> None:
        self.user = user
        self.expires_at = expires_at
        self._value = value

    @property
    def value(self) -> str:
        """The secret itself, for the request header only."""
        return self._value

    def headers(self) -> dict[str, str]:
        # Slurm 22.05 needs both headers; later releases accept them too.
        return {"X-SLURM-USER-NAME": self.user, "X-SLURM-USER-TOKEN": self._value}

    def __repr__(self) -> str:
        return f"Token(user={self.user!r}, expires_at={self.expires_at})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A token is not to be stored: mint a new one.")


class HS256Signer:
    """Mints tokens with the raw bytes of a cluster's `jwt_hs256.key`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _SMALLEST_KEY:
            raise ValueError(
                f"The JWT key has {len(key)} bytes; use the cluster's jwt_hs256.key (32 bytes or more)."
            )
        self._key = key

    def mint(self, user: str, expires_at: int, *, issued_at: int | None = None) -> Token:
        """A token for `user` that dies at `expires_at`, both times in epoch seconds."""
        if not user:
            raise ValueError("A token needs the name of the Slurm user that it speaks for.")
        issued = int(time.time()) if issued_at is None else issued_at
        claims = msgspec.json.encode({"sun": user, "iat": issued, "exp": int(expires_at)})
        signed = _HEADER + b"." + base64.urlsafe_b64encode(claims).rstrip(b"=")
        mac = hmac.digest(self._key, signed, hashlib.sha256)
        value = signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
        return Token(user, value.decode(), int(expires_at))

    def __repr__(self) -> str:
        return "HS256Signer(key hidden)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A signer holds a secret and is not to be stored.")
