"""What one member may use of a project, and what becomes of the jobs of those who no longer may."""

from datetime import timedelta

import pytest

from allocations.projects import selectors
from allocations.projects.models import ProjectMember
from allocations.projects.services import (
    classroom_close,
    classroom_join,
    classroom_open,
    hand_over_accept,
    hand_over_propose,
    member_cap_set,
    member_leave,
    member_remove,
)
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow
from portal.notices.models import Notice
from scheduler_bridge import handlers
from scheduler_bridge.jobs.use import use_of
from scheduler_bridge.models import Job
from scheduler_bridge.provisioning.desired import desired
from scheduler_bridge.provisioning.reconcile import reconcile
from tests.bridge_stage import SCRIPT

pytestmark = pytest.mark.django_db

TEN_MINUTES = 2 * 600  # GPU-seconds that the stage's job may use


def membership(stage, user):
    return stage.cast.project.members.select_related("project", "user").get(user=user)


def cap(stage, gpu_seconds, user=None):
    member = membership(stage, user or stage.cast.member)
    return member_cap_set(actor=stage.cast.pi, member=member, gpu_seconds=gpu_seconds)


def told_of_members(stage):
    handlers.provision_members({"project": stage.cast.project.code})


@pytest.fixture(autouse=True)
def no_workers(monkeypatch):
    """Which allocations would be provisioned; the tests reconcile themselves."""
    woken: list[str] = []
    monkeypatch.setattr(handlers.tasks.provision, "delay", woken.append)
    return woken


# --- Caps -------------------------------------------------------------------------------------------
def test_up_to_the_cap_and_no_further(stage):
    cap(stage, 2 * TEN_MINUTES)
    for _job in range(2):
        stage.submit(actor=stage.cast.member)
    with pytest.raises(Refused) as refusal:
        stage.submit(actor=stage.cast.member, gpus=1, wall_minutes=1)
    assert refusal.value.code == "over_cap"
    assert refusal.value.remedy
    assert refusal.value.figures == {
        "wanted": 60,
        "cap": 2 * TEN_MINUTES,
        "used": 2 * TEN_MINUTES,
        "held": 2 * TEN_MINUTES,
        "charged": 0,
    }
    assert Job.objects.count() == 2
    assert stage.balances.held == 2 * TEN_MINUTES
    stage.submit(actor=stage.cast.pi)  # nobody else is bound by it


def test_what_ran_counts_for_what_it_was_charged(stage):
    cap(stage, TEN_MINUTES)
    job = stage.submit(actor=stage.cast.member)
    stage.drain()
    stage.follow()
    stage.advance(70)
    stage.follow()
    job.refresh_from_db()
    use = use_of(stage.cast.member, stage.cast.project)
    assert (use.held, use.charged, use.ran) == (0, job.charged, True)
    assert 0 < job.charged < TEN_MINUTES
    with pytest.raises(Refused):
        stage.submit(actor=stage.cast.member)
    cap(stage, TEN_MINUTES + job.charged)
    stage.submit(actor=stage.cast.member)


def test_none_lifts_it_and_zero_stops_everything(stage):
    cap(stage, 0)
    with pytest.raises(Refused):
        stage.submit(actor=stage.cast.member, gpus=1, wall_minutes=1)
    cap(stage, None)
    stage.submit(actor=stage.cast.member)
    assert AuditRow.objects.filter(action="project_member_cap_set").count() == 2
    assert Notice.objects.filter(user=stage.cast.member, kind="project_member_cap").count() == 2


def test_the_cost_panel_and_the_api_say_it_before_the_job_is_sent(stage, web, api):
    cap(stage, TEN_MINUTES - 1)
    typed = {"allocation": stage.allocation.code, "gpus": "2", "wall_minutes": "0:10"}
    page = web(stage.cast.member).get("/jobs/cost/", typed, headers={"HX-Request": "true"})
    assert "Of your cap of" in page.content.decode()
    size = {"allocation": stage.allocation.code, "gpus": 2, "wall_minutes": 10}
    reply = api(stage.cast.member).post("/api/v1/jobs/cost/", size, format="json")
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "over_cap")
    assert api(stage.cast.pi).post("/api/v1/jobs/cost/", size, format="json").status_code == 200


def test_who_sets_caps(stage):
    for actor in (stage.cast.member, stage.cast.admin, stage.cast.outsider):
        with pytest.raises(NotAllowed):
            member_cap_set(actor=actor, member=membership(stage, stage.cast.member), gpu_seconds=1)
    with pytest.raises(InvalidInput) as refusal:
        cap(stage, -1)
    assert refusal.value.field == "gpu_hours"


# --- Whose access ended -----------------------------------------------------------------------------
def test_a_deactivated_person_is_shut_out_and_let_in_again(stage, no_workers):
    waiting = stage.submit(actor=stage.cast.member)
    running = stage.submit(actor=stage.cast.member)
    other = stage.submit(actor=stage.cast.pi)
    Job.objects.filter(pk=waiting.pk).update(not_before=clock.now() + timedelta(hours=1))
    stage.drain()
    stage.follow()
    stage.cast.member.is_active = False
    stage.cast.member.save()
    handlers.provision_person({"user": stage.cast.member.code})
    assert no_workers == [stage.allocation.code]
    assert waiting.login not in desired(stage.fresh_allocation()).logins
    assert any(f"shut {waiting.login} out" in step for step in reconcile(stage.fresh_allocation()).actions)
    assert stage.allocation.bindings.get().logins == [other.login]
    for job in (waiting, running, other):
        job.refresh_from_db()
    assert waiting.state == "cancelled"
    assert (running.state, running.cancel_requested_at) == ("running", None), "what runs may finish"
    assert (other.state, other.cancel_requested_at) == ("running", None)
    handlers.provision_person({"user": stage.cast.member.code})
    assert AuditRow.objects.filter(action="job_cancel").count() == 1, "once is enough"
    stage.cast.member.is_active = True
    stage.cast.member.save()
    handlers.provision_person({"user": stage.cast.member.code})
    reconcile(stage.fresh_allocation())
    assert waiting.login in stage.allocation.bindings.get().logins


@pytest.mark.parametrize("how", ["leaves", "removed", "handed_over"])
def test_who_no_longer_belongs_has_nothing_waiting(stage, how):
    gone = stage.cast.pi if how == "handed_over" else stage.cast.member
    job = stage.submit(actor=gone)
    stays = stage.submit(actor=stage.cast.member if how == "handed_over" else stage.cast.pi)
    if how == "leaves":
        member_leave(actor=gone, project=stage.cast.project)
    elif how == "removed":
        member_remove(actor=stage.cast.pi, member=membership(stage, gone))
    else:
        hand_over = hand_over_propose(
            actor=gone, project=stage.cast.project, successor=stage.cast.member, afterwards="leaves"
        )
        hand_over_accept(actor=stage.cast.member, hand_over=hand_over)
    told_of_members(stage)
    job.refresh_from_db()
    stays.refresh_from_db()
    assert (job.state, stays.state) == ("cancelled", "approved")
    assert stage.balances.held == stays.most_gpu_seconds
    reconcile(stage.fresh_allocation())
    assert stage.allocation.bindings.get().logins == [stays.login]


def test_what_is_queued_on_the_cluster_is_asked_back(stage):
    job = stage.submit(actor=stage.cast.member)
    Job.objects.filter(pk=job.pk).update(state="dispatching")
    ProjectMember.objects.filter(user=stage.cast.member).delete()
    told_of_members(stage)
    job.refresh_from_db()
    assert (job.state, bool(job.cancel_requested_at)) == ("dispatching", True)
    assert stage.balances.held == job.most_gpu_seconds, "only the cluster's word lets go of the hold"


# --- Courses ----------------------------------------------------------------------------------------
def test_a_course_from_the_code_to_the_last_day(stage, web, api):
    """A student of another organisation joins, runs within the cap, is counted as trained, and is out."""
    student = stage.cast.outsider
    classroom = classroom_open(
        actor=stage.cast.pi,
        project=stage.cast.project,
        course="Deep Learning",
        cap_gpu_seconds=TEN_MINUTES,
        most_students=30,
        ends_on=clock.today(),
    )
    classroom_join(actor=student, join_code=classroom.join_code)
    job = stage.submit(actor=student)  # on a sandbox the login is made on the spot
    with pytest.raises(Refused):
        stage.submit(actor=student)
    beyond = {
        "allocation": stage.allocation.code,
        "title": "More",
        "script": SCRIPT,
        "gpus": 1,
        "cpus": 8,
        "memory_mb": 16_000,
        "wall_minutes": 10,
    }
    told = api(student).post("/api/v1/jobs/", beyond, format="json")
    assert (told.status_code, told.json()["errors"][0]["code"]) == (409, "over_cap")
    typed = beyond | {"wall_minutes": "0:10", "cpus": "", "memory_mb": ""}
    assert web(student).post("/jobs/new/", typed).status_code == 422
    assert Job.objects.get() == job
    assert selectors.people_trained() == 0
    stage.drain()
    stage.follow()
    stage.advance(70)
    stage.follow()
    ((enrolment, member, use),) = selectors.students_of(classroom)
    assert (enrolment.user, member.cap_gpu_seconds, use.ran) == (student, TEN_MINUTES, True)
    classroom_close(actor=stage.cast.pi, classroom=classroom)
    told_of_members(stage)
    reconcile(stage.fresh_allocation())
    assert job.login not in stage.allocation.bindings.get().logins
    with pytest.raises(NotAllowed):
        stage.submit(actor=student)
    assert selectors.people_trained() == 1, "who was trained stays trained"
