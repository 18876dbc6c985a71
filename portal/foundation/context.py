"""Who is asking, and through which door: kept per request or task, read by the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestContext:
    """`channel` is web, api, task or command; `request_id` joins log lines and audit rows."""

    channel: str = "command"
    request_id: str = ""
    address: str = ""


_NONE = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NONE)


def current() -> RequestContext:
    return _current.get()


@contextmanager
def entered(context: RequestContext) -> Iterator[None]:
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
