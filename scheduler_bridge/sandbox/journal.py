"""The append-only journal of one cluster: every event that changed it, in order, one JSON line each.

It is written before the answer leaves, so the submits in it are the truth that exactly-once tests count.
A restart replays it; a line cut off by a kill is dropped.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

type Event = dict[str, Any]


class Journal:
    """`path` None keeps nothing on disk."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None
        self.submits: list[Event] = []

    def replay(self) -> Iterator[Event]:
        """All events so far; afterwards the journal is open for more."""
        if self._path is None:
            return
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            event: Event = msgspec.json.decode(line)
            self._count(event)
            yield event
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))

    def append(self, event: Event) -> None:
        if self._file is not None:
            os.write(self._file, msgspec.json.encode(event) + b"\n")
        self._count(event)

    def _count(self, event: Event) -> None:
        if event["kind"] == "submit":
            self.submits.append(event)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
