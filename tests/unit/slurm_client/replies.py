"""Replies as Slurm 22.05.8 writes them."""

import json
from typing import Any

import pytest

from scheduler_bridge.slurm_rest_client import SlurmError
from scheduler_bridge.slurm_rest_client.transport import Reply

META = {"Slurm": {"release": "22.05.8"}}
UNSPECIFIED = {"error_number": -1, "error": "Unspecified error", "description": "request failed"}


def reply(body: Any, status: int = 200, operation: str = "test") -> Reply:
    return Reply(operation, status, json.dumps({"meta": META, "errors": []} | body).encode())


def failed(problem: dict[str, Any], status: int = 500, operation: str = "test", **more: Any) -> Reply:
    return reply({"errors": [problem]} | more, status, operation)


def raised(read: Any, answer: Reply) -> SlurmError:
    with pytest.raises(SlurmError) as caught:
        read(answer)
    return caught.value
