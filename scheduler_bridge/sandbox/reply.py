"""Answers in slurmrestd's shape."""

from typing import Any, NamedTuple

import msgspec


class Reply(NamedTuple):
    """A body that is bytes goes out as plain text."""

    status: int
    body: dict[str, Any] | bytes

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)

    @property
    def content_type(self) -> str:
        return "text/plain" if isinstance(self.body, bytes) else "application/json"


def problem(code: int, message: str, source: str = "", description: str = "") -> dict[str, Any]:
    return {"description": description or message, "error_number": code, "error": message, "source": source}


def refusal(status: int, code: int, message: str, source: str = "", description: str = "") -> Reply:
    return Reply(status, {"errors": [problem(code, message, source, description)], "warnings": []})


CRASH = Reply(0, b"")
"""No answer: slurmrestd died of the call, so its connection closes."""


def warning(description: str, source: str = "") -> dict[str, str]:
    return {"description": description, "source": source}


class Stop(Exception):
    """Raised by a handler to answer at once."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply
