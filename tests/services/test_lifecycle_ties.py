"""Ties count for changes and appeals too: found right before the word, for speaker and principal alike."""

from typing import Any

import pytest

from allocations.lifecycle import services
from allocations.programme.services import request_decline
from allocations.projects.models import Project, ProjectMember
from portal.foundation.errors import NotAllowed
from portal.people.models import User
from tests.cast import Cast
from tests.lifecycling import allocated, ask, decider
from tests.requesting import HOUR, fund, submitted

pytestmark = pytest.mark.django_db


def share_a_project(cast: Cast, *people: User) -> None:
    project = Project.objects.create(
        organisation=cast.other_organisation, title="Robots", abstract="A", sector=cast.project.sector
    )
    for user in people:
        ProjectMember.objects.create(project=project, user=user)


def test_who_is_tied_decides_no_change(cast: Cast) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    word: dict[str, Any] = {"change": change, "outcome": "declined", "reason": "Too much."}
    share_a_project(cast, cast.member, cast.council)
    with pytest.raises(NotAllowed):
        services.change_decide(actor=cast.council, **word)
    assert services.change_decide(actor=cast.admin, **word).state == "declined"


def test_who_is_tied_hears_no_appeal(cast: Cast) -> None:
    fund(cast.resource)
    request = request_decline(actor=cast.council, request=submitted(cast), reason="Too vague.").request
    appeal = services.appeal_file(actor=cast.pi, subject=request, grounds="It was misread.")
    other = decider("other")
    share_a_project(cast, cast.pi, other)
    word: dict[str, Any] = {"appeal": appeal, "outcome": "dismissed", "reason": "It wasn't."}
    with pytest.raises(NotAllowed):
        services.appeal_decide(actor=other, **word)
    assert services.appeal_decide(actor=cast.admin, **word).state == "dismissed"
