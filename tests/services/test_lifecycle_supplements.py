"""More for what was awarded: a track bounds a request, with all of its lines and what still waits."""

import pytest

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_activate
from allocations.ledger.selectors import balances
from allocations.lifecycle import services
from allocations.programme.models import RequestLine
from allocations.programme.services import request_approve, waiting_serve
from allocations.programme.services.grants import Grant
from portal.foundation.errors import Refused
from tests.cast import Cast, site
from tests.lifecycling import NOW, ask, strict_track
from tests.requesting import HOUR, fund, submitted
from tests.services.test_programme_awarding import CAPACITY, give_back, taken, waiting

pytestmark = pytest.mark.django_db


def two_lines(cast: Cast, most: int = 300) -> list[Allocation]:
    """Two allocations of 100 GPU-hours each, of one request on a track for 300 or `most`."""
    elsewhere = site("uet")
    for resource in (cast.resource, elsewhere):
        fund(resource)
    request = submitted(cast, track=strict_track(max_gpu_seconds=most * HOUR), ends_on=NOW.last_day)
    RequestLine.objects.create(request=request, position=1, resource=elsewhere, gpu_seconds=100 * HOUR)
    assert request.starts_on
    assert request.ends_on
    grants = [
        Grant(line, line.resource, 100 * HOUR, request.starts_on, request.ends_on)
        for line in request.lines.select_related("resource")
    ]
    decision = request_approve(actor=cast.council, request=request, grants=grants)
    fed = Allocation.objects.filter(awards__fulfilment__decision=decision).order_by("pk")
    return [allocation_activate(allocation=allocation) for allocation in fed]


def test_the_lines_of_a_request_share_its_room(cast: Cast) -> None:
    first, second = two_lines(cast)
    assert [services.room_for_more(each) for each in (first, second)] == [100 * HOUR] * 2
    assert ask(cast, first, "more", gpu_seconds=20 * HOUR).state == "approved"
    assert services.room_for_more(second) == 80 * HOUR
    with pytest.raises(Refused) as refusal:
        ask(cast, second, "more", gpu_seconds=81 * HOUR)
    assert (refusal.value.code, refusal.value.figures["most"]) == ("beyond_track", 80 * HOUR)


def test_what_moves_between_its_lines_takes_no_room(cast: Cast) -> None:
    first, second = two_lines(cast)
    change = ask(cast, first, "move", gpu_seconds=50 * HOUR, target=second)
    services.change_decide(actor=cast.council, change=change, outcome="approved")
    assert balances(second.code).available == 150 * HOUR
    assert [services.room_for_more(each) for each in (first, second)] == [100 * HOUR] * 2


def test_the_room_is_asked_for_again_when_it_is_decided(cast: Cast) -> None:
    first, second = two_lines(cast)
    changes = [ask(cast, each, "more", gpu_seconds=60 * HOUR) for each in (first, second)]
    assert [change.state for change in changes] == ["requested"] * 2
    services.change_decide(actor=cast.council, change=changes[0], outcome="approved")
    with pytest.raises(Refused) as refusal:
        services.change_decide(actor=cast.council, change=changes[1], outcome="approved")
    assert refusal.value.code == "beyond_track"
    changes[1].refresh_from_db()
    assert (changes[1].state, changes[1].decisions.count()) == ("requested", 0)
    assert balances(second.code).available == 100 * HOUR


def test_what_waits_takes_room_before_and_after_it_is_served(cast: Cast) -> None:
    fund(cast.resource)
    holder = taken(cast, CAPACITY - 60)
    entry = waiting(cast, 100, track=strict_track(max_gpu_seconds=150 * HOUR))
    award = entry.decision_line.award
    assert award is not None
    allocation = allocation_activate(allocation=award.allocation)
    assert (award.gpu_seconds, entry.rest) == (60 * HOUR, 40 * HOUR)
    assert services.room_for_more(allocation) == 50 * HOUR
    give_back(cast, holder, 40)
    assert waiting_serve(resource=cast.resource) == 40 * HOUR
    assert services.room_for_more(allocation) == 50 * HOUR
