"""What fails before a request is read is told apart from what may have been carried out, in plain words."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scheduler_bridge.slurm_rest_client import NoAnswer, SlurmClient, Timeouts, TLSFailed, Token
from scheduler_bridge.slurm_rest_client.tls import tls_context

TOKEN = Token("tqresearcher", "canary-5f2c", 2_000_000_000)
PING = b'{"pings": [{"pinged": "UP"}], "errors": []}'


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.ca.pem"
        own = self._certificate(self.name, self.key.public_key(), [], timedelta(days=1), is_ca=True)
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, lifetime: timedelta = timedelta(days=1)) -> Path:
        """A certificate with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key.public_key(), list(hosts), lifetime)
        path = self.folder / f"{name}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def _certificate(self, subject, key, hosts, lifetime, *, is_ca=False) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(_usage(is_ca), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not is_ca, False, False, False, False, is_ca, is_ca, False, False)


@pytest.fixture
def ours(tmp_path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def other(tmp_path) -> Authority:
    return Authority(tmp_path, "other")


@contextmanager
def serving(
    certificate: Path, *, trusts: Path | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS server that answers one ping; the list holds whatever it could read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.maximum_version = version
    if trusts:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusts)
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection.dup() as line:
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        read.append(secure.recv(65536))
                        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(PING)}\r\n\r\n".encode()
                        secure.sendall(head + PING)
                except OSError:
                    with suppress(OSError):
                        line.shutdown(socket.SHUT_WR)
                        while line.recv(65536):  # hanging up on unread bytes would take our alert back
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], read
        thread.join(10)


def ping(port: int, tls: ssl.SSLContext, host: str = "localhost") -> None:
    timeouts = Timeouts(connect=5, total=5)
    with SlurmClient(f"https://{host}:{port}", tls=tls, timeouts=timeouts) as client:
        assert client.ping(TOKEN).up


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_sides_know_each_other(ours, version):
    tls = tls_context(ca=ours.file, client=ours.issue("portal"))
    with serving(ours.issue("site", "localhost"), trusts=ours.file, version=version) as (port, read):
        ping(port, tls)
    assert b"canary-5f2c" in read[0]


def expired(ours: Authority, other: Authority) -> Path:
    return ours.issue("site", "localhost", lifetime=-timedelta(days=1))


@pytest.mark.parametrize(
    ("certificate", "cause", "remedy"),
    [
        (lambda ours, other: other.issue("site", "localhost"), "not issued by the authority", ".ca.pem"),
        (expired, "has expired", "renew"),
        (lambda ours, other: ours.issue("site", "elsewhere"), "another host name", "address"),
    ],
    ids=["unknown authority", "expired", "wrong name"],
)
def test_a_server_that_we_cannot_trust_hears_nothing(ours, other, certificate: Callable, cause, remedy):
    with (
        serving(certificate(ours, other)) as (port, read),
        pytest.raises(TLSFailed) as caught,
    ):
        ping(port, tls_context(ca=ours.file))
    assert read == []
    assert not caught.value.maybe_done
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        (lambda ours, other: None, "got none"),
        (lambda ours, other: other.issue("portal"), "refused the portal's certificate"),
        (
            lambda ours, other: ours.issue("portal", lifetime=-timedelta(days=1)),
            "refused the portal's certificate",
        ),
    ],
    ids=["none", "of another authority", "expired"],
)
def test_a_server_that_refuses_us_has_read_nothing(ours, other, version, certificate: Callable, cause):
    """With TLS 1.3 the request has been written by the time that the refusal comes."""
    tls = tls_context(ca=ours.file, client=certificate(ours, other))
    with (
        serving(ours.issue("site", "localhost"), trusts=ours.file, version=version) as (port, read),
        pytest.raises(TLSFailed) as caught,
    ):
        ping(port, tls)
    assert read == []
    assert not caught.value.maybe_done
    if version == ssl.TLSVersion.TLSv1_3 or cause != "got none":
        # TLS 1.2 has no word for a certificate that is missing.
        assert cause in caught.value.cause
    assert "canary" not in str(caught.value)


def test_a_port_that_speaks_no_tls():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(TLSFailed) as caught:
            ping(listener.getsockname()[1], tls_context())
        thread.join(10)
    assert "does not speak TLS" in caught.value.cause


def test_a_break_after_the_handshake_may_have_been_carried_out(ours):
    """The same kind of error once the server has read the request is no proof of anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.issue("site", "localhost"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                # Without TLS round it, so that the client's TLS layer fails while it reads the answer.
                os.write(secure.fileno(), b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(NoAnswer):
            ping(listener.getsockname()[1], tls_context(ca=ours.file))
        thread.join(10)


def test_files_that_hold_no_certificate_are_named(ours, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for files in ({"ca": empty}, {"client": empty}, {"ca": tmp_path / "empty.pem", "client": ours.file}):
        with pytest.raises(TLSFailed, match=r"empty\.pem"):
            tls_context(**files)
    with pytest.raises(TLSFailed, match=r"gone\.pem: No such file"):
        tls_context(client=tmp_path / "gone.pem")
