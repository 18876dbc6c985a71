"""Many at once in one project: caps, links and courses hold, and one principal investigator leads."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models import QuerySet

from allocations.projects.models import HandOver, ProjectMember
from allocations.projects.services import (
    classroom_join,
    classroom_open,
    hand_over_accept,
    hand_over_propose,
    hand_over_withdraw,
    link_join,
    link_make,
    member_cap_set,
)
from portal.foundation import clock
from portal.foundation.errors import IllegalState, Refused
from portal.people.models import User
from scheduler_bridge.jobs import use
from scheduler_bridge.jobs.services import job_submit
from scheduler_bridge.models import Job
from scheduler_bridge.placement.rules import Size
from tests.bridge_stage import SCRIPT, Stage, sandbox, set_stage
from tests.cast import Cast, make_cast, person
from tests.concurrency.test_ledger_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, PLACES = 12, 4
JOB = 600  # GPU-seconds


@pytest.fixture
def crew(transactional_db: None) -> Cast:
    cache.clear()
    return make_cast()


@pytest.fixture
def capped(crew: Cast, tmp_path: Path) -> Iterator[Stage]:
    """The member may use what four jobs take; the allocation has far more."""
    with sandbox(tmp_path, "ned") as clusters:
        crew.cluster.url, key = clusters["ned"]
        crew.cluster.signer = str(key)
        crew.cluster.save()
        stage = set_stage(crew, crew.cluster)
        member = crew.project.members.select_related("project", "user").get(user=crew.member)
        member_cap_set(actor=crew.pi, member=member, gpu_seconds=PLACES * JOB)
        stage.submit(actor=crew.pi)  # the site's own rows are there
        send(stage)  # and so is the member's login
        yield stage


def send(stage: Stage) -> Job:
    size = Size(gpus=1, cpus=1, memory_mb=1000, wall_minutes=JOB // 60)
    allocation = stage.fresh_allocation()
    return job_submit(actor=stage.cast.member, allocation=allocation, title="Race", script=SCRIPT, size=size)


def send_all(stage: Stage) -> list[Exception | None]:
    start = Barrier(THREADS)

    def one(_number: int) -> None:
        start.wait()
        send(stage)

    return at_once(one, THREADS)


def test_a_cap_is_never_passed(capped: Stage) -> None:
    outcomes = send_all(capped)
    assert outcomes.count(None) == PLACES - 1
    losers = [error for error in outcomes if error is not None]
    assert all(isinstance(error, Refused) and error.code == "over_cap" for error in losers)
    assert use.use_of(capped.cast.member, capped.cast.project).held == PLACES * JOB


def test_without_the_lock_it_is(capped: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail: all have looked before the first hold is placed."""
    looked, plain = Barrier(THREADS), use.use_of

    def not_locked(members: QuerySet[ProjectMember]) -> QuerySet[ProjectMember]:
        return members

    def look_together(user: Any, project: Any) -> use.Use:
        found = plain(user, project)
        looked.wait(timeout=60)
        return found

    monkeypatch.setattr(use, "lock", not_locked)
    monkeypatch.setattr(use, "use_of", look_together)
    outcomes = send_all(capped)
    assert outcomes.count(None) == THREADS
    assert plain(capped.cast.member, capped.cast.project).held == (THREADS + 1) * JOB


def strangers(count: int) -> list[User]:
    return [person(f"stranger{number}") for number in range(count)]


def test_a_link_is_used_as_often_as_it_says(crew: Cast) -> None:
    link, _secret = link_make(actor=crew.pi, project=crew.project, most_uses=PLACES)
    people, start = strangers(THREADS), Barrier(THREADS)

    def come(number: int) -> None:
        start.wait()
        link_join(actor=people[number], link=link)

    outcomes = at_once(come, THREADS)
    assert outcomes.count(None) == PLACES
    assert all(isinstance(error, IllegalState) for error in outcomes if error)
    link.refresh_from_db()
    assert link.uses == PLACES
    assert crew.project.members.count() == 2 + PLACES


def test_a_course_takes_as_many_as_it_says(crew: Cast) -> None:
    course = classroom_open(
        actor=crew.pi,
        project=crew.project,
        course="Vision",
        cap_gpu_seconds=JOB,
        most_students=PLACES,
        ends_on=clock.today() + timedelta(days=1),
    )
    people, start = strangers(THREADS), Barrier(THREADS)

    def come(number: int) -> None:
        start.wait()
        classroom_join(actor=people[number], join_code=course.join_code)

    outcomes = at_once(come, THREADS)
    assert outcomes.count(None) == PLACES
    assert all(isinstance(error, Refused) for error in outcomes if error)
    assert course.enrolments.filter(ended_at=None).count() == PLACES


def test_accepting_and_withdrawing_at_once_leaves_one_pi(crew: Cast) -> None:
    hand_over = hand_over_propose(actor=crew.pi, project=crew.project, successor=crew.member)
    start = Barrier(8)

    def act(number: int) -> None:
        start.wait()
        if number % 2:
            hand_over_accept(actor=crew.member, hand_over=hand_over)
        else:
            hand_over_withdraw(actor=crew.pi, hand_over=hand_over)

    outcomes = at_once(act, 8)
    assert outcomes.count(None) == 1
    (lead,) = crew.project.members.filter(role="pi").select_related("user")
    accepted = HandOver.objects.get().state == "accepted"
    assert lead.user == (crew.member if accepted else crew.pi)
