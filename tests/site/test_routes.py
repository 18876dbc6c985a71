"""The list of routes and the portal's client can't drift apart."""

import re
from typing import get_type_hints

import pytest

from deploy.site import routes
from scheduler_bridge.slurm_rest_client.codecs import SUPPORTED, Codec
from scheduler_bridge.slurm_rest_client.transport import Request


def test_the_list_is_that_of_the_client():
    assert routes.FILE.read_text() == routes.text(), "run: python -m deploy.site.routes"


def test_every_call_of_the_client_is_looked_at():
    methods = {name for name in vars(Codec) if not name.startswith("_") and callable(getattr(Codec, name))}
    calls = {name for name in methods if get_type_hints(getattr(Codec, name)).get("return") is Request}
    assert calls == set(routes.CALLS)


@pytest.mark.parametrize("version", SUPPORTED)
def test_only_submitting_is_for_a_jobs_user(version):
    roles = {pattern: role for pattern, role in routes.routes().items() if re.escape(version) in pattern}
    assert [pattern for pattern, role in roles.items() if role == "job"] == [
        f"^POST:/slurm/{re.escape(version)}/job/submit$"
    ]
    assert set(roles.values()) == {"job", "operator"}


def test_names_cannot_leave_their_place():
    account = re.compile(next(pattern for pattern in routes.routes() if "/account/" in pattern))
    path = "GET:/slurmdb/v0.0.38/account/"
    assert account.search(f"{path}tqa1g1")
    for name in ("..", ".hidden", "a/b", "a%2fb", "", "a b", "a\nb"):
        assert not account.search(f"{path}{name}"), name
