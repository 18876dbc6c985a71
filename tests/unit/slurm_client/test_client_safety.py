"""Tokens and scripts never show; failures are sorted by what may be retried."""

import copy
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scheduler_bridge.slurm_rest_client import (
    HS256Signer,
    JobSpec,
    NeverSent,
    NoAnswer,
    ProtocolError,
    SlurmClient,
    SlurmError,
    Timeouts,
    Token,
)

CANARY = "canary-5f2c"
KEY = f"{CANARY}-key-of-the-cluster-padded".encode()
TOKEN = Token("tqresearcher", CANARY, 2_000_000_000)
SPEC = JobSpec(
    name="tq-1",
    account="a",
    partition="gpu",
    cwd="/",
    script=f"#!/bin/sh\nexport SECRET={CANARY}\n",
    environment={"SECRET": CANARY},
    time_limit_minutes=1,
)
BODY = b'{"job_id": 0, "errors": [{"error_number": 2045, "error": "Invalid account"}]}'


def http(status: str, body: bytes, *, length: int | None = None, extra: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{extra}\r\n".encode() + body


@contextmanager
def answering(reply: bytes | None) -> Iterator[str]:
    """A server that reads one request, says `reply` (None: nothing, but keeps the line open) and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                if reply is None:
                    done.wait(10)
                else:
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join(10)


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def caught_from(url: str) -> SlurmError:
    with (
        SlurmClient(url, timeouts=Timeouts(connect=0.5, total=0.5)) as client,
        pytest.raises(SlurmError) as caught,
    ):
        client.submit(TOKEN, SPEC)
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (None, NoAnswer),
        (b"", NoAnswer),
        (http("200 OK", b'{"job_id"', length=500), NoAnswer),
        (http("200 OK", b"<html>hello</html>"), NoAnswer),
        (http("200 OK", b"{}"), NoAnswer),
        (http("200 OK", b"\xff\xfe"), NoAnswer),
        (http("502 Bad Gateway", b"<html>proxy</html>"), NoAnswer),
        (http("302 Found", b"", extra="Location: http://127.0.0.1:1/\r\n"), ProtocolError),
    ],
)
def test_unclear_answers_may_have_been_carried_out(reply: bytes | None, kind: type[SlurmError]) -> None:
    with answering(reply) as url:
        error = caught_from(url)
    assert type(error) is kind
    assert error.maybe_done is True


@pytest.mark.parametrize("url", [closed_port(), "http://no-such-host.invalid:1", "ftp://127.0.0.1"])
def test_what_provably_never_left(url: str) -> None:
    error = caught_from(url)
    assert type(error) is NeverSent
    assert error.maybe_done is False


def test_an_answer_that_drips_is_given_up() -> None:
    """The deadline holds for the whole exchange, not for each byte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        error = caught_from(f"http://127.0.0.1:{listener.getsockname()[1]}")
        stop.set()
        thread.join(10)
    assert isinstance(error, NoAnswer)


def shows_nothing(*texts: str) -> None:
    for text in texts:
        assert CANARY not in text


@pytest.mark.parametrize(
    "place",
    [
        lambda: answering(http("500 Oops", BODY)),
        lambda: answering(http("200 OK", b"not json")),
        lambda: answering(None),
    ],
    ids=["refused", "unreadable", "timeout"],
)
def test_the_token_never_shows(place: Callable, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    logging.getLogger("httpcore").setLevel(1)
    logging.getLogger("httpx").setLevel(1)
    with place() as url:
        error = caught_from(url)
    text = "".join(traceback.format_exception(error))
    shows_nothing(str(error), repr(error), repr(error.args), text, error.cause, error.remedy)
    shows_nothing(*(record.getMessage() for record in caplog.records))
    assert caplog.records, "the libraries do log something at this level"
    assert error.__context__ is None or CANARY not in repr(vars(error.__context__))


def test_secrets_have_no_repr() -> None:
    signer = HS256Signer(KEY)
    token = signer.mint("tqresearcher", 2_000_000_000)
    with SlurmClient("http://127.0.0.1:1") as client:
        shows_nothing(repr(signer), repr(TOKEN), str(TOKEN), f"{TOKEN}", repr(SPEC), repr(client))
    assert token.value not in repr(token)


@pytest.mark.parametrize("secret", [HS256Signer(KEY), TOKEN])
def test_secrets_are_not_stored(secret: object) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        HS256Signer(b"abc")


def test_minted_tokens_are_what_others_understand() -> None:
    import jwt

    token = HS256Signer(KEY).mint("tqresearcher", 2_000_000_000, issued_at=1_900_000_000)
    claims = jwt.decode(token.value, KEY, algorithms=["HS256"], options={"verify_iat": False})
    assert claims == {"sun": "tqresearcher", "iat": 1_900_000_000, "exp": 2_000_000_000}
