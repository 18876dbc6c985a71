"""slurmrestd in front of a virtual cluster: finds the route, checks the token as the real daemons do, answers
in the REST version of the cluster's release."""

from . import tokens
from .api_v38 import V38
from .api_v42 import V42
from .cluster import VirtualCluster
from .reply import Reply, Stop
from .routes import Call, Dialect, Mishap, Route

_DIALECTS: dict[str, type[Dialect]] = {"22.05": V38, "24.11": V42}


class Api:
    """Answers the versions of the cluster's own release and no other."""

    def __init__(self, cluster: VirtualCluster, key: bytes) -> None:
        self._cluster = cluster
        self._key = key
        self._dialect = _DIALECTS[cluster.config.release]()

    def route(self, method: str, path: str) -> tuple[Route, str] | None:
        for wanted, pattern, route in self._dialect.paths:
            if wanted == method and (found := pattern.fullmatch(path)):
                return route, (found.groups() or ("",))[0]
        return None

    def stray(self, path: str) -> Reply:
        return self._dialect.stray(path)

    def mishap(self, kind: Mishap, route: Route, part: str) -> Reply:
        reply = self._dialect.mishap(kind, route, part)
        return self._dialect.finish(reply, route, self._cluster)

    def answer(self, route: Route, part: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        """Checks the token *now* (a stalled call may find it expired) and does what was asked."""
        token = self._dialect.token(headers)
        if not token:
            return Reply(401, b"Authentication failure")
        user = tokens.user_of(token, self._key, self._cluster.token_now)
        if user is None or headers.get("x-slurm-user-name", user) != user:
            return self.mishap("rejected", route, part)
        self._cluster.settle()
        try:
            reply = route.handler(Call(self._cluster, user, self._dialect.query(query), body, part))
        except Stop as stop:
            reply = stop.reply
        return self._dialect.finish(reply, route, self._cluster)
