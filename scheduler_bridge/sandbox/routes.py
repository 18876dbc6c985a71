"""What a REST version is made of: its routes, how it reads a call, and how it words what goes wrong."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from .cluster import VirtualCluster
from .reply import Reply

type Mishap = Literal["rejected", "away", "lost"]
"""The token was refused; the daemon behind the route cannot be reached; its reply was lost (5005)."""


class Call(NamedTuple):
    """One request as its handler sees it; `part` is the variable part of the path."""

    cluster: VirtualCluster
    user: str
    query: dict[str, str]
    body: bytes
    part: str

    @property
    def may_write(self) -> bool:
        """Only the cluster's administrators write to slurmdb."""
        return self.user in ("root", *self.cluster.config.admins) and knows_user(self.cluster, self.user)


type Handler = Callable[[Call], Reply]


class Route(NamedTuple):
    """`name` is what faults call the route; `slurmdb` tells which daemon stands behind it, `adds` that it
    is asked to add something."""

    name: str
    handler: Handler
    slurmdb: bool = False
    adds: bool = False


class Dialect:
    """One REST version on top of a virtual cluster."""

    paths: Sequence[tuple[str, re.Pattern[str], Route]] = ()

    def token(self, headers: dict[str, str]) -> str:
        """The token that a call brings, empty when it brings none that counts."""
        raise NotImplementedError

    def query(self, text: str) -> dict[str, str]:
        """The parameters of a call. Raises Stop when they are refused."""
        raise NotImplementedError

    def mishap(self, kind: Mishap, route: Route, part: str) -> Reply:
        """How this version tells of a mishap on a route."""
        raise NotImplementedError

    def finish(self, reply: Reply, route: Route, cluster: VirtualCluster) -> Reply:
        """The reply with what this version adds to every one."""
        raise NotImplementedError

    def stray(self, path: str) -> Reply:
        """The answer where no route fits path and method."""
        return Reply(404, b"Unable find requested URL. Please view /openapi/v3 for API reference.")


def path(method: str, pattern: str, route: Route) -> tuple[str, re.Pattern[str], Route]:
    """`{}` stands for the variable part; a slash at the end never matters."""
    return method, re.compile(pattern.replace("{}", r"([^/]+)").rstrip("/") + "/?"), route


def knows_user(cluster: VirtualCluster, user: str) -> bool:
    return cluster.config.users is None or user in cluster.config.users


def may_touch(call: Call, owner: str) -> bool:
    return call.user in (owner, "root", *call.cluster.config.admins)
