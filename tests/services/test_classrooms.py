"""Courses: a code that lets students in, a cap for each, and an end that comes by itself."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from allocations.programme.policies import takes_part
from allocations.programme.selectors import visible_to
from allocations.programme.services import message_write
from allocations.projects import selectors
from allocations.projects.models import Classroom, Enrolment, ProjectMember
from allocations.projects.services import (
    classroom_close,
    classroom_code_renew,
    classroom_code_revoke,
    classroom_join,
    classroom_open,
    classroom_update,
    classrooms_sweep,
    member_cap_set,
    member_leave,
    member_remove,
)
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, TooMany
from portal.foundation.models import AuditRow, OutboxRow
from portal.notices.models import Notice
from portal.people.models import User
from tests.cast import person
from tests.requesting import declined

CAP = 5 * 3600


def begin(cast, actor=None, **changes):
    figures = {"course": "Deep Learning", "cap_gpu_seconds": CAP, "most_students": 2}
    return classroom_open(
        actor=actor or cast.pi,
        project=cast.project,
        **{**figures, "ends_on": clock.today() + timedelta(days=30), **changes},
    )


@pytest.fixture
def course(cast):
    cache.clear()
    return begin(cast)


def membership(cast, user):
    return cast.project.members.select_related("project", "user").filter(user=user).first()


# --- Opening ----------------------------------------------------------------------------------------
def test_the_pi_of_an_academic_project_opens_one(cast, course):
    assert cast.project.classroom == course
    assert len(course.join_code) == 8
    row = AuditRow.objects.get(action="classroom_open")
    assert row.after["cap_gpu_seconds"] == CAP
    assert course.join_code not in str(row.after)
    with pytest.raises(IllegalState):
        begin(cast)


def test_nobody_else_teaches(cast, course):
    cast.project.members.filter(user=cast.member).update(role="manager")
    for actor in (cast.member, cast.admin, cast.outsider):
        for act in (classroom_close, classroom_code_renew, classroom_code_revoke):
            with pytest.raises(NotAllowed):
                act(actor=actor, classroom=course)
        with pytest.raises(NotAllowed):
            classroom_update(actor=actor, classroom=course, most_students=3)


@pytest.mark.parametrize(("kind", "code"), [("startup", "not_academic"), ("agency", "not_academic")])
def test_others_than_academic_organisations_have_none(cast, kind, code):
    cast.organisation.kind = kind
    cast.organisation.save()
    with pytest.raises(IllegalState) as refusal:
        begin(cast)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("course", {"course": " "}),
        ("gpu_hours", {"cap_gpu_seconds": 0}),
        ("most_students", {"most_students": 0}),
        ("most_students", {"most_students": 1001}),
        ("ends_on", {"ends_on": clock.today() - timedelta(days=1)}),
        ("ends_on", {"ends_on": clock.today() + timedelta(days=400)}),
    ],
)
def test_what_cant_be_right_is_refused_by_field(cast, field, changes):
    with pytest.raises(InvalidInput) as refusal:
        begin(cast, **changes)
    assert refusal.value.field == field


# --- Joining ----------------------------------------------------------------------------------------
def test_a_student_types_the_code_as_it_was_heard(cast, course):
    Classroom.objects.update(join_code="10abcdef")
    classroom_join(actor=cast.outsider, join_code=" LO-ab cD-ef ")
    member = membership(cast, cast.outsider)
    assert (member.role, member.cap_gpu_seconds) == ("member", CAP)
    assert course.enrolments.get().user == cast.outsider
    assert OutboxRow.objects.filter(topic="project_members_changed").count() == 1
    with pytest.raises(IllegalState):
        classroom_join(actor=cast.outsider, join_code="10abcdef")


def test_wrong_codes_are_counted_and_then_refused(cast, course):
    for _try in range(10):
        with pytest.raises(InvalidInput) as refusal:
            classroom_join(actor=cast.outsider, join_code="zzzz-zzzz")
        assert refusal.value.field == "join_code"
    for code in ("zzzz-zzzz", course.join_code):
        with pytest.raises(TooMany):
            classroom_join(actor=cast.outsider, join_code=code)
    classroom_join(actor=person("patient"), join_code=course.join_code)


@pytest.mark.parametrize("how", ["revoked", "renewed", "over", "closed", "empty"])
def test_a_code_that_no_longer_works(cast, course, how):
    code = course.join_code
    if how == "revoked":
        classroom_code_revoke(actor=cast.pi, classroom=course)
    elif how == "renewed":
        classroom_code_renew(actor=cast.pi, classroom=course)
    elif how == "over":
        Classroom.objects.update(ends_on=clock.today() - timedelta(days=1))
    elif how == "closed":
        classroom_close(actor=cast.pi, classroom=course)
    else:
        classroom_code_revoke(actor=cast.pi, classroom=course)
        code = ""
    with pytest.raises(InvalidInput):
        classroom_join(actor=cast.outsider, join_code=code)
    assert not Enrolment.objects.exists()


def test_a_full_course_takes_nobody_and_one_who_left_makes_room(cast, course):
    first = person("first")
    for student in (first, person("second")):
        classroom_join(actor=student, join_code=course.join_code)
    with pytest.raises(Refused) as refusal:
        classroom_join(actor=cast.outsider, join_code=course.join_code)
    assert (refusal.value.code, refusal.value.figures) == ("course_full", {"most": 2})
    member_leave(actor=first, project=cast.project)
    classroom_join(actor=cast.outsider, join_code=course.join_code)


def test_who_left_may_come_back_and_who_was_removed_may_not(cast, course):
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    member_leave(actor=cast.outsider, project=cast.project)
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    member_remove(actor=cast.pi, member=membership(cast, cast.outsider))
    assert course.enrolments.get().removed
    with pytest.raises(Refused) as refusal:
        classroom_join(actor=cast.outsider, join_code=course.join_code)
    assert refusal.value.code == "removed"


def test_a_cap_set_by_hand_holds_for_who_comes_back(cast, course):
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    for own, after in ((9, 9), (0, 0), (None, CAP)):
        member_cap_set(actor=cast.pi, member=membership(cast, cast.outsider), gpu_seconds=own)
        member_leave(actor=cast.outsider, project=cast.project)
        classroom_join(actor=cast.outsider, join_code=course.join_code)
        assert membership(cast, cast.outsider).cap_gpu_seconds == after


# --- Changing and ending ----------------------------------------------------------------------------
def test_a_new_cap_holds_for_all_but_those_set_by_hand(cast, course):
    others = [person("first"), person("second")]
    for student in others:
        classroom_join(actor=student, join_code=course.join_code)
    member_cap_set(actor=cast.pi, member=membership(cast, others[0]), gpu_seconds=9)
    classroom_update(actor=cast.pi, classroom=course, cap_gpu_seconds=2 * CAP)
    assert [membership(cast, student).cap_gpu_seconds for student in others] == [9, 2 * CAP]
    assert membership(cast, cast.member).cap_gpu_seconds is None


def test_at_its_end_the_students_are_out_and_the_others_stay(cast, course):
    helper = person("helper")
    for student in (cast.outsider, helper):
        classroom_join(actor=student, join_code=course.join_code)
    cast.project.members.filter(user=helper).update(role="manager")
    assert classrooms_sweep() == 0
    Classroom.objects.update(ends_on=clock.today() - timedelta(days=1))
    OutboxRow.objects.all().delete()
    assert classrooms_sweep() == 1
    assert {str(member.user) for member in cast.project.members.all()} == {"Pi", "Member", "Helper"}
    assert not Enrolment.objects.filter(ended_at=None).exists()
    assert OutboxRow.objects.filter(topic="project_members_changed").count() == 1
    assert AuditRow.objects.get(action="classroom_members_end").before == {"students": [cast.outsider.code]}
    assert Notice.objects.filter(kind="classroom_ended").count() == 3
    assert classrooms_sweep() == 0, "once is enough"
    with pytest.raises(IllegalState):
        classroom_close(actor=cast.pi, classroom=course)


def test_an_archived_project_doesnt_keep_its_students_for_ever(cast, course):
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    Classroom.objects.update(ends_on=clock.today() - timedelta(days=1))
    type(cast.project).objects.update(archived_at=clock.now())
    assert classrooms_sweep() == 1
    assert membership(cast, cast.outsider) is None


def test_extending_keeps_them_in(cast, course):
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    Classroom.objects.update(ends_on=clock.today() - timedelta(days=1))
    classroom_update(actor=cast.pi, classroom=course, ends_on=clock.today())
    assert classrooms_sweep() == 0
    assert ProjectMember.objects.filter(user=cast.outsider).exists()


def test_without_jobs_nobody_was_trained(cast, course):
    classroom_join(actor=cast.outsider, join_code=course.join_code)
    assert selectors.people_trained() == 0


# --- Requests ---------------------------------------------------------------------------------------
def test_students_have_no_part_in_requests(cast, course):
    student = person("student")
    classroom_join(actor=student, join_code=course.join_code)
    student = User.objects.get(pk=student.pk)
    request = declined(cast)
    assert selectors.is_student(student, cast.project)
    assert set(selectors.working_members(cast.project)) == {cast.pi, cast.member}
    assert visible_to(cast.member).filter(pk=request.pk).exists()
    assert not visible_to(student).filter(pk=request.pk).exists()
    assert takes_part(cast.member, request)
    assert not takes_part(student, request)
    with pytest.raises(NotAllowed):
        message_write(actor=student, request=request, text="May I?")
    told = set(Notice.objects.filter(kind="request_declined").values_list("user", flat=True))
    assert told == {cast.pi.pk, cast.member.pk}
    cast.project.members.filter(user=student).update(role=ProjectMember.Role.MANAGER)
    assert visible_to(student).filter(pk=request.pk).exists()
