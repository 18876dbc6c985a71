"""RS256: the portal's own key for a site. Others verify it, and it shows as little as an HS256 key."""

import base64
import copy
import json
import pickle

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scheduler_bridge.slurm_rest_client import RS256Signer


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


@pytest.fixture(scope="module")
def pem() -> bytes:
    return pem_of(rsa.generate_private_key(65537, 2048))


def test_others_verify_it_with_the_public_half(pem):
    signer = RS256Signer(pem)
    token = signer.mint("tqresearcher", 2_000_000_000, issued_at=1_900_000_000)
    known = jwt.PyJWKSet.from_json(json.dumps({"keys": [signer.jwk]}))
    kid = jwt.get_unverified_header(token.value)["kid"]
    claims = jwt.decode(token.value, known[kid].key, ["RS256"], options={"verify_iat": False})
    assert claims == {"sun": "tqresearcher", "iat": 1_900_000_000, "exp": 2_000_000_000}
    assert jwt.decode(token.value, signer.public_pem(), ["RS256"], options={"verify_iat": False}) == claims
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token.value, rsa.generate_private_key(65537, 2048).public_key(), ["RS256"])


def test_head_and_claims_have_the_one_form_that_the_proxy_takes(pem):
    signer = RS256Signer(pem)
    head, claims, _ = signer.mint("tqresearcher", 2, issued_at=1).value.split(".")
    plain = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode() for part in (head, claims)]
    assert plain[0] == f'{{"alg":"RS256","kid":"{signer.jwk["kid"]}","typ":"JWT"}}'
    assert plain[1] == '{"sun":"tqresearcher","iat":1,"exp":2}'


def test_the_key_id_is_the_keys_own_and_the_published_half_is_public(pem):
    signer = RS256Signer(pem)
    assert signer.jwk["kid"] == RS256Signer(pem).jwk["kid"]
    assert signer.jwk["kid"] != RS256Signer(pem_of(rsa.generate_private_key(65537, 2048))).jwk["kid"]
    assert set(signer.jwk) == {"alg", "e", "kid", "kty", "n", "use"}
    assert b"PRIVATE" not in signer.public_pem()


def test_the_thumbprint_is_that_of_the_standard():
    """The example of RFC 7638, section 3.1."""
    from scheduler_bridge.slurm_rest_client.auth import _jwk

    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZC"
        "iFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZg"
        "nYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIq"
        "bw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    number = int.from_bytes(base64.urlsafe_b64decode(n + "=="))
    assert _jwk(rsa.RSAPublicNumbers(65537, number).public_key())["kid"] == (
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"canary, not a key",
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(rsa.generate_private_key(65537, 1024)),
        pem_of(rsa.generate_private_key(65537, 2048), b"canary"),
        # An elliptic key of a curve that nobody knows: no secret.
        b"-----BEGIN PRIVATE KEY-----\n"
        b"MD8CAQAwEQYHKoZIzj0CAQYGK4EEAA8PBCcwJQIBAQQgAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
        b"-----END PRIVATE KEY-----\n",
    ],
    ids=["no key", "another kind", "too short", "with a password", "unknown curve"],
)
def test_other_keys_are_refused_without_being_quoted(content):
    with pytest.raises(ValueError, match="The key is not") as caught:
        RS256Signer(content)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_key_neither_shows_nor_leaves(pem):
    signer = RS256Signer(pem)
    assert repr(signer) == "RS256Signer(key hidden)"
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            store(signer)
