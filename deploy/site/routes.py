"""The routes that the site's proxy lets through: exactly those that the portal's Slurm client asks for.

`python -m deploy.site.routes` writes routes.map anew; a test compares the two, and both with the client.
"""

import re
from collections.abc import Callable
from pathlib import Path

from scheduler_bridge.slurm_rest_client import AssociationLimits, JobSpec, VersionUnsupported
from scheduler_bridge.slurm_rest_client.codecs import SUPPORTED, Codec, codec_for
from scheduler_bridge.slurm_rest_client.models import Account, Association, User
from scheduler_bridge.slurm_rest_client.transport import Request

FILE = Path(__file__).with_name("routes.map")
HEAD = """\
# METHOD:PATH ROLE, written by deploy/site/routes.py from the portal's Slurm client: not to be edited.
"""
ID, NAME = 4242424242, "some-name"
PATTERNS = {re.escape(str(ID)): "[0-9]{1,10}", re.escape(NAME): "[A-Za-z0-9_][A-Za-z0-9_.-]*"}

_JOB = JobSpec(name=NAME, account=NAME, partition=NAME, cwd="/", script="#!/bin/sh\n", time_limit_minutes=1)
_ASSOCIATION = Association(cluster=NAME, account=NAME, limits=AssociationLimits())
CALLS: dict[str, Callable[[Codec], Request]] = {
    "ping": lambda codec: codec.ping(),
    "diag": lambda codec: codec.diag(),
    "submit": lambda codec: codec.submit(_JOB),
    "jobs": lambda codec: codec.jobs(),
    "job_states": lambda codec: codec.job_states([ID]),
    "job": lambda codec: codec.job(ID),
    "cancel": lambda codec: codec.cancel(ID),
    "update_job": lambda codec: codec.update_job(ID, hold=True, account=None),
    "accounting_jobs": lambda codec: codec.accounting_jobs(
        NAME, 1, 2, job_name=None, user=None, account=None
    ),
    "accounting_by_id": lambda codec: codec.accounting_by_id(NAME, [ID]),
    "partitions": lambda codec: codec.partitions(),
    "nodes": lambda codec: codec.nodes(),
    "shares": lambda codec: codec.shares(),
    "tres": lambda codec: codec.tres(),
    "clusters": lambda codec: codec.clusters(),
    "qos": lambda codec: codec.qos(),
    "associations": lambda codec: codec.associations(NAME, None, None),
    "write_association": lambda codec: codec.write_association(_ASSOCIATION),
    "delete_association": lambda codec: codec.delete_association(NAME, NAME, NAME),
    "account": lambda codec: codec.account(NAME),
    "write_account": lambda codec: codec.write_account(
        Account(name=NAME, description=NAME, organization=NAME)
    ),
    "user": lambda codec: codec.user(NAME),
    "write_user": lambda codec: codec.write_user(User(name=NAME, default_account="", admin_level="None")),
}
"""Every call of a codec by its method's name, with arguments that `PATTERNS` finds again in the path."""


def role_of(call: str) -> str:
    """A job's user only submits; whatever else the portal does, it does as the operator."""
    return "job" if call == "submit" else "operator"


def routes() -> dict[str, str]:
    """HAProxy's patterns and the role that each is for."""
    found: dict[str, str] = {}
    for version in sorted(SUPPORTED):
        codec = codec_for(version)
        for call, request_of in CALLS.items():
            try:
                request = request_of(codec)
            except VersionUnsupported:
                continue
            path = re.escape(request.path)
            for plain, pattern in PATTERNS.items():
                path = path.replace(plain, pattern)
            found[f"^{request.method}:{path}$"] = role_of(call)
    return found


def text() -> str:
    return HEAD + "".join(f"{pattern} {role}\n" for pattern, role in routes().items())


if __name__ == "__main__":
    FILE.write_text(text())
