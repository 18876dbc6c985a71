"""The waiting list: whose turn it is, what is kept for the first, and what is no longer there to be given."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.models import Allocation, Award
from allocations.awards.services import award_make
from allocations.ledger.selectors import pool_free
from allocations.programme import services
from allocations.programme.models import WaitingEntry
from allocations.programme.services import waiting as waiting_list
from datacenters.services import capacity_set, outage_record
from portal.foundation import clock
from portal.foundation.models import OutboxRow
from portal.foundation.services import outbox
from tests.cast import Cast
from tests.lifecycling import NOW, in_quarter
from tests.requesting import HOUR, draft, fund
from tests.services.test_programme_awarding import CAPACITY, give_back, taken, waiting
from tests.services.test_quotas import other_project, quota

pytestmark = pytest.mark.django_db
NEXT = NOW.next


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def served(*places: WaitingEntry) -> list[int]:
    """GPU-hours that each place was given."""
    for place in places:
        place.refresh_from_db()
    return [place.served_gpu_seconds // HOUR for place in places]


def serve(cast: Cast) -> int:
    return services.waiting_serve(resource=cast.resource) // HOUR


def moved(cast: Cast, place: WaitingEntry) -> WaitingEntry:
    """The place of another project, of another class."""
    request = place.decision_line.decision.request
    type(request).objects.filter(pk=request.pk).update(project=other_project(cast))
    return place


def test_whose_cap_is_full_is_passed_over(cast: Cast) -> None:
    holder = taken(cast, CAPACITY)
    first, second = waiting(cast), moved(cast, waiting(cast))
    give_back(cast, holder, 150)
    quota(cast, percent=None, gpu_seconds=(CAPACITY - 150 + 30) * HOUR, resource=cast.resource)
    assert serve(cast) == 130
    assert served(first, second) == [30, 100]
    assert first.state == "waiting"


def test_nobody_takes_what_the_first_could_use(cast: Cast) -> None:
    holder = taken(cast, CAPACITY)
    # The first wants both quarters evenly, and the next has nothing: it can't have any of this one yet.
    blocker = award_next(cast)
    first = waiting(cast, 400, ends_on=in_quarter((NEXT.last_day - NEXT.first_day).days))
    second = waiting(cast, 50)
    wanted = -(-400 * ((NOW.last_day - clock.today()).days + 1) // ((NEXT.last_day - clock.today()).days + 1))
    give_back(cast, holder, wanted + 20)
    assert serve(cast) == pytest.approx(20, abs=1)
    assert served(first)[0] == 0
    assert served(second)[0] == pytest.approx(20, abs=1)
    give_back(cast, blocker, 1_000)
    serve(cast)
    assert served(first) == [400]


def award_next(cast: Cast) -> Allocation:
    """All of the next quarter."""
    return award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=CAPACITY * HOUR,
        starts_on=NEXT.first_day,
        ends_on=NEXT.last_day,
    ).allocation


def test_what_an_outage_took_isnt_awarded_again(cast: Cast) -> None:
    holder = taken(cast, CAPACITY)
    place = waiting(cast)
    outage_record(
        actor=cast.site_manager,
        site=cast.site,
        kind="planned",
        cause="maintenance",
        starts_at=clock.midnight(NOW.last_day - timedelta(days=2)),
        ends_at=clock.midnight(NOW.last_day),
    )
    OutboxRow.objects.update(done_at=clock.now())
    give_back(cast, holder, 100)
    assert pool_free(cast.resource, [NOW])[NOW] == 100 * HOUR
    assert serve(cast) == 0
    assert served(place) == [0]
    assert pool_free(cast.resource, [NOW])[NOW] == 0


def test_more_capacity_wakes_those_who_wait(cast: Cast) -> None:
    taken(cast, CAPACITY)
    place = waiting(cast)
    OutboxRow.objects.update(done_at=clock.now())
    capacity_set(
        actor=cast.site_manager,
        resource=cast.resource,
        quarter=NOW,
        gpu_seconds=20_000 * HOUR,
        reason="New racks",
    )
    outbox.drain(limit=1)
    assert OutboxRow.objects.filter(topic="pool_freed", done_at=None).count() == 1
    assert serve(cast) == 100
    assert served(place) == [100]


def test_the_quarters_that_were_asked_for_are_kept(cast: Cast) -> None:
    holder = taken(cast, CAPACITY - 40)
    asked = {str(NOW): 100 * HOUR, str(NEXT): 300 * HOUR}
    request = draft(cast, gpu_seconds=400 * HOUR, ends_on=NEXT.last_day)
    line = request.lines.get()
    line.by_quarter = asked
    line.store("by_quarter")
    services.request_submit(actor=cast.pi, request=request)
    decision = services.request_approve(actor=cast.council, request=request, wait=True)
    place: WaitingEntry = decision.lines.get().waiting
    award = place.decision_line.award
    assert award is not None
    assert award.gpu_seconds == 340 * HOUR
    assert pool_free(cast.resource, [NEXT])[NEXT] == (CAPACITY - 300) * HOUR
    assert place.by_quarter == {str(NOW): 60 * HOUR}
    give_back(cast, holder, 60)
    assert serve(cast) == 60
    assert pool_free(cast.resource, [NOW, NEXT]) == {NOW: 0, NEXT: (CAPACITY - 300) * HOUR}
    assert served(place) == [60]
    assert place.state == "served"


def test_one_that_fails_keeps_its_share_and_is_left_for_the_next_run(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = taken(cast, CAPACITY)
    first, second = waiting(cast), waiting(cast)
    give_back(cast, holder, 130)
    award_more = waiting_list.award_more

    def fails_once(**award: Any) -> None:
        monkeypatch.setattr(waiting_list, "award_more", award_more)
        award_more(**award)
        raise RuntimeError("deadlock detected")

    monkeypatch.setattr(waiting_list, "award_more", fails_once)
    assert serve(cast) == 30
    assert served(first, second) == [0, 30]
    assert serve(cast) == 100
    assert served(first, second) == [100, 30]
    assert Award.objects.count() == 3
