"""Every role × every state × every action of a request, through service, page and API alike."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from allocations.programme import services
from allocations.programme.models import AllocationRequest
from allocations.projects.models import ProjectMember
from portal.foundation.errors import IllegalState, NotAllowed
from portal.people.models import Membership, ProgrammeRole, User
from tests.cast import Cast, person
from tests.requesting import HOUR, IN_STATE, fund

pytestmark = pytest.mark.django_db

LEADS, DECIDERS = {"pi", "manager"}, {"council", "admin"}
WRITABLE, PENDING = {"draft", "returned"}, {"submitted", "under_review"}
# action: who may, from which states, and where it leads (None: it stays)
TABLE: dict[str, tuple[set[str], set[str], str | None]] = {
    "edit": (LEADS, WRITABLE, None),
    "submit": (LEADS, WRITABLE, "submitted"),
    "withdraw": (LEADS, WRITABLE | PENDING, "withdrawn"),
    "approve": (DECIDERS, PENDING, "approved"),
    "decline": (DECIDERS, PENDING, "declined"),
    "return": (DECIDERS, PENDING, "returned"),
}
PROJECT = {"pi", "manager", "member"}
# Those who see a request only once it was submitted. The last is of the council and of the organisation.
OVERSEERS = {"site_manager", "council", "admin", "auditor", "council_of_ours"}
# A reviewer sees the page of their review, never the request.
NOBODY = {"colleague", "outsider", "reviewer"}
ROLES = sorted(PROJECT | OVERSEERS | NOBODY)


def expected(role: str, state: str, action: str, channel: str) -> str:
    may, states, _target = TABLE[action]
    hidden = role in NOBODY or (role in OVERSEERS and state == "draft")
    if hidden and channel != "service":
        return "not found"
    if role not in may:
        return "not allowed"
    return "done" if state in states else "illegal state"


def people(cast: Cast) -> dict[str, User]:
    manager, ours = person("lead"), person("ours")
    ProjectMember.objects.create(project=cast.project, user=manager, role=ProjectMember.Role.MANAGER)
    Membership.objects.create(organisation=cast.organisation, user=ours)
    ProgrammeRole.objects.create(user=ours, role=ProgrammeRole.Role.COUNCIL)
    named = {role: getattr(cast, role) for role in ROLES if hasattr(cast, role)}
    return named | {"manager": manager, "council_of_ours": ours}


def edit(user: User, request: AllocationRequest) -> None:
    line = request.lines.get()
    services.request_update(
        actor=user,
        request=request,
        project=request.project,
        resource=line.resource,
        gpu_seconds=line.gpu_seconds,
        starts_on=request.starts_on,
        ends_on=request.ends_on,
        justification="Nine runs.",
    )


BY_SERVICE: dict[str, Callable[[User, AllocationRequest], Any]] = {
    "edit": edit,
    "submit": lambda user, request: services.request_submit(actor=user, request=request),
    "withdraw": lambda user, request: services.request_withdraw(actor=user, request=request),
    "approve": lambda user, request: services.request_approve(
        actor=user, request=request, gpu_seconds=100 * HOUR
    ),
    "decline": lambda user, request: services.request_decline(actor=user, request=request, reason="No."),
    "return": lambda user, request: services.request_return(actor=user, request=request, reason="Why?"),
}
OUTCOMES = {"approve": "approved", "decline": "declined", "return": "returned"}
STATUS = {403: "not allowed", 404: "not found", 409: "illegal state", 200: "done", 302: "done"}


def by_service(user: User, request: AllocationRequest, action: str) -> str:
    try:
        with transaction.atomic():
            BY_SERVICE[action](user, request)
    except NotAllowed:
        return "not allowed"
    except IllegalState:
        return "illegal state"
    return "done"


def by_page(web: Any) -> Callable[[User, AllocationRequest, str], str]:
    def post(user: User, request: AllocationRequest, action: str) -> str:
        body: dict[str, Any] = {}
        if action in OUTCOMES:
            body = {"outcome": OUTCOMES[action], "gpu_hours": "100", "reason": "So."}
        elif action == "edit":
            body = {
                "project": request.project.code,
                "resource": request.lines.get().resource.code,
                "gpu_hours": "100",
                "starts_on": str(request.starts_on),
                "ends_on": str(request.ends_on),
                "justification": "Nine runs.",
                "draft": "1",
            }
        page = "decide" if action in OUTCOMES else action
        return STATUS[web(user).post(f"/requests/{request.code}/{page}/", body).status_code]

    return post


def by_api(api: Any) -> Callable[[User, AllocationRequest, str], str]:
    def send(user: User, request: AllocationRequest, action: str) -> str:
        client, address = api(user), f"/api/v1/requests/{request.code}/"
        if action == "edit":
            reply = client.patch(address, {"justification": "Nine runs."}, format="json")
        elif action in OUTCOMES:
            body = {"outcome": OUTCOMES[action], "gpu_hours": "100", "reason": "So."}
            reply = client.post(f"{address}decide/", body, format="json")
        else:
            reply = client.post(f"{address}{action}/", {}, format="json")
        return STATUS[reply.status_code]

    return send


@pytest.mark.parametrize("channel", ["service", "page", "api"])
@pytest.mark.parametrize("state", IN_STATE)
@pytest.mark.parametrize("action", TABLE)
def test_who_may_do_what_when(cast: Cast, web: Any, api: Any, channel: str, state: str, action: str) -> None:
    fund(cast.resource)
    attempt = {"service": by_service, "page": by_page(web), "api": by_api(api)}[channel]
    wanted = {role: expected(role, state, action, channel) for role in ROLES}
    # Who is refused leaves no mark, so all of them may try on one.
    shared = IN_STATE[state](cast)
    requests = {
        role: IN_STATE[state](cast) if outcome == "done" else shared for role, outcome in wanted.items()
    }
    got, left_in = {}, {}
    for role, user in people(cast).items():
        got[role] = attempt(user, requests[role], action)
        requests[role].refresh_from_db()
        left_in[role] = requests[role].state
    assert got == wanted
    after = TABLE[action][2] or state
    assert left_in == {role: after if wanted[role] == "done" else state for role in ROLES}
