"""A small HTTP/1.1 server on asyncio: keep-alive, one request at a time per connection, nothing else.

The standard library's server parses each header block with the mail parser; this one is an order of
magnitude quicker and lets a fault do to a connection what real networks do.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from .reply import CRASH, Reply

_LARGEST_HEAD = 64 * 1024
_LARGEST_BODY = 64 * 1024 * 1024
_REASONS = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
}


class HttpRequest(NamedTuple):
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


type Handle = Callable[[HttpRequest, "Connection"], None]


class Connection(asyncio.Protocol):
    """One client connection; also the exchange that faults play with."""

    def __init__(self, handle: Handle, register: set["Connection"]) -> None:
        self._handle = handle
        self._register = register
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._register.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        # A call that waits goes on all the same: slurmctld does not know that its client gave up.
        self._transport = None
        self._register.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                self.reset()
            return
        try:
            method, target, headers = _head(bytes(self._buffer[:end]))
            size = int(headers.get("content-length", "0"))
        except ValueError:
            self._close_after(Reply(400, b"Bad request."))
            return
        if size > _LARGEST_BODY:
            self._close_after(Reply(413, b"Too large."))
            return
        if len(self._buffer) < end + 4 + size:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        del self._buffer[: end + 4 + size]
        self._busy = True
        path, _, query = target.partition("?")
        self._handle(HttpRequest(method, path, query, headers, body), self)

    # --- what can become of an exchange ---

    def send(self, reply: Reply) -> None:
        if reply is CRASH:
            self._close()
            return
        # slurmrestd closes the connection after every error.
        if reply.status >= 400:
            self._close_after(reply)
            return
        self._write(_packed(reply, close=False))
        self._busy = False
        if self._buffer:
            self._next()

    def silence(self, seconds: float) -> None:
        self.later(seconds, self._close)

    def truncate(self, reply: Reply) -> None:
        whole = _packed(reply, close=False)
        head, body = len(whole) - len(reply.encoded()), len(reply.encoded())
        self._write(whole[: head + body // 2])
        self._close()

    def reset(self) -> None:
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    def _close_after(self, reply: Reply) -> None:
        self._write(_packed(reply, close=True))
        self._close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _head(raw: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return method, target, headers


def _packed(reply: Reply, *, close: bool) -> bytes:
    body = reply.encoded()
    reason = _REASONS.get(reply.status, "Error")
    length = "" if reply.status == 304 else f"Content-Length: {len(body)}\r\n"
    ending = "Connection: Close\r\n" if close else ""
    head = f"HTTP/1.1 {reply.status} {reason}\r\n{length}{ending}Content-Type: {reply.content_type}\r\n\r\n"
    return head.encode() + body
