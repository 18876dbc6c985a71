"""One HTTP exchange with slurmrestd: no redirects, no retries, a deadline for the whole exchange.

The only judgement made here is whether a request that failed can have left at all.
"""

import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import msgspec

from .auth import Token
from .errors import NeverSent, NoAnswer, ProtocolError, SlurmError
from .tls import tls_context, tls_failure

_LARGEST_REPLY = 512 * 1024 * 1024


class Request(NamedTuple):
    """A call as a codec wrote it; `operation` is its name in errors."""

    operation: str
    method: str
    path: str
    query: Mapping[str, str | list[str]] = {}
    body: bytes | None = None


class Reply(NamedTuple):
    operation: str
    status: int
    content: bytes


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `total` bounds one exchange; slurmctld when down takes 9 s (18 s for one job) to say so."""

    connect: float = 3.0
    total: float = 30.0


class Transport:
    """A pool of connections to one slurmrestd. Safe to share between threads.

    `tls` says whom to trust and who we are; without it the system's authorities are trusted.
    """

    def __init__(
        self, base_url: str, *, timeouts: Timeouts, max_connections: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self._total = timeouts.total
        self._http = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(timeouts.total, connect=timeouts.connect),
            limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            follow_redirects=False,
            trust_env=False,
            verify=tls or tls_context(),
        )

    def send(self, request: Request, token: Token) -> Reply:
        """The reply, whatever its status. Raises NeverSent, NoAnswer or ProtocolError."""
        outcome = self._exchange(request, token)
        if isinstance(outcome, SlurmError):
            # Raised here, outside the except blocks, so that no httpx exception (whose request carries
            # the token) hangs on it as its context.
            raise outcome
        return outcome

    def _exchange(self, request: Request, token: Token) -> Reply | SlurmError:
        headers = token.headers()
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + self._total
        try:
            with self._http.stream(
                request.method,
                request.path,
                params=request.query or None,
                content=request.body,
                headers=headers,
            ) as response:
                content = self._read(response, deadline)
                if content is None:
                    return NoAnswer(request.operation, "the answer was too slow or too large")
                return Reply(request.operation, response.status_code, content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return tls_failure(request.operation, error, connecting=True) or NeverSent(
                request.operation, f"no connection ({type(error).__name__})"
            )
        except httpx.PoolTimeout:
            return NeverSent(request.operation, "all connections to the cluster are busy")
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            return NeverSent(request.operation, "the cluster's address is not a http or https URL")
        except httpx.DecodingError:
            return ProtocolError(request.operation, "the answer's encoding is broken")
        except httpx.HTTPError as error:
            return tls_failure(request.operation, error, connecting=False) or NoAnswer(
                request.operation, f"the exchange broke off ({type(error).__name__})"
            )

    def _read(self, response: httpx.Response, deadline: float) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > _LARGEST_REPLY or time.monotonic() > deadline:
                return None
        return b"".join(parts)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
