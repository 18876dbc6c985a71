"""Tokens for slurmrestd: JWT, short-lived, minted for one user.

Whoever holds the HS256 key of a cluster can speak as any of its users, root included. With RS256 the cluster
knows a public key only, and the site's proxy decides for whom the private one speaks (docs/site-proxy.md).
A key never leaves its signer, and neither key nor token shows in a repr, an exception or a log line.
"""

import base64
import hashlib
import hmac
import time
from typing import Protocol

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SMALLEST_KEY = 16
_SMALLEST_RSA_KEY = 2048


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


class Signer(Protocol):
    """Mints tokens for one cluster."""

    def mint(self, user: str, expires_at: int, *, issued_at: int | None = None) -> Token: ...


class _Signer:
    """What both kinds share: the claims and their shape, and that a secret is neither shown nor stored."""

    __slots__ = ("_header",)

    def __init__(self, header: dict[str, str]) -> None:
        self._header = _base64url(msgspec.json.encode(header))

    def mint(self, user: str, expires_at: int, *, issued_at: int | None = None) -> Token:
        """A token for `user` that dies at `expires_at`, both times in epoch seconds."""
        if not user:
            raise ValueError("A token needs the name of the Slurm user that it speaks for.")
        issued = int(time.time()) if issued_at is None else issued_at
        # The site's proxy takes these claims only, in this order, without spaces (deploy/site/haproxy.cfg).
        claims = msgspec.json.encode({"sun": user, "iat": issued, "exp": int(expires_at)})
        signed = self._header + b"." + _base64url(claims)
        value = signed + b"." + _base64url(self._sign(signed))
        return Token(user, value.decode(), int(expires_at))

    def _sign(self, content: bytes) -> bytes:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key hidden)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A signer holds a secret and is not to be stored.")


class HS256Signer(_Signer):
    """Mints tokens with the raw bytes of a cluster's `jwt_hs256.key`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _SMALLEST_KEY:
            raise ValueError(
                f"The JWT key has {len(key)} bytes; use the cluster's jwt_hs256.key (32 bytes or more)."
            )
        super().__init__({"alg": "HS256", "typ": "JWT"})
        self._key = key

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)


class RS256Signer(_Signer):
    """Mints tokens with the portal's own private key for a site, an unencrypted PEM file.

    `jwk` is its public half, as slurmctld and slurmdbd read it from a JWKS file; its `kid` stands in every
    token.
    """

    __slots__ = ("_key", "jwk")

    def __init__(self, pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without its cause: what the parser says may quote the file.
            raise ValueError("The key is not a private key in PEM form without a password.") from None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _SMALLEST_RSA_KEY:
            raise ValueError(f"The key is not an RSA key of {_SMALLEST_RSA_KEY} bits or more.")
        self._key = key
        self.jwk = _jwk(key.public_key())
        super().__init__({"alg": "RS256", "kid": self.jwk["kid"], "typ": "JWT"})

    def _sign(self, content: bytes) -> bytes:
        return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256())

    def public_pem(self) -> bytes:
        """The public half as a PEM file, as the site's proxy reads it."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _jwk(key: rsa.RSAPublicKey) -> dict[str, str]:
    """RFC 7517; the key id is the key's thumbprint (RFC 7638), so it needs no bookkeeping."""
    numbers = key.public_numbers()
    required = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    thumbprint = hashlib.sha256(msgspec.json.encode(required, order="sorted")).digest()
    return required | {"alg": "RS256", "kid": _base64url(thumbprint).decode(), "use": "sig"}


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8)).decode()


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
