"""Courses: the instructor opens one, students join by its code, and on the last day they are out again."""

import secrets
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from allocations.projects.models import Classroom, Enrolment, Project, ProjectMember
from allocations.projects.services import _membership as membership
from portal.foundation import clock
from portal.foundation.codes import ALPHABET
from portal.foundation.errors import IllegalState, InvalidInput, Refused, TooMany
from portal.foundation.policies import require
from portal.foundation.services import audit, records
from portal.foundation.text import fold_digits, fold_line
from portal.notices.services.notices import notify
from portal.people.models import Organisation, User

SHOWN = ("project", "course", "cap_gpu_seconds", "most_students", "ends_on")
EDITABLE = frozenset({"course", "cap_gpu_seconds", "most_students", "ends_on"})
MOST_STUDENTS = 1000
LONGEST = timedelta(days=366)
CODE_LENGTH = 8  # 40 random bits: at the rate of wrong tries that is let through, centuries
WRONG_TRIES, TRIES_FORGOTTEN_AFTER = 10, 3600  # seconds
# Crockford: what people misread for a digit is that digit.
MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1"})


@transaction.atomic
def classroom_open(
    *,
    actor: Any,
    project: Project,
    course: str,
    cap_gpu_seconds: int,
    most_students: int,
    ends_on: date,
) -> Classroom:
    """Make a course of a project of an academic organisation; its code lets students in from now on.

    `cap_gpu_seconds` bounds each student. For the PI, who is the instructor. Raises IllegalState (there is
    one already, the organisation isn't academic or not verified), InvalidInput by field.
    """
    require(actor, "projects.teach", project)
    project = membership.locked(project)
    _check_academic(project.organisation)
    if Classroom.objects.filter(project=project).exists():
        raise IllegalState(
            _("This project is, or was, a course already."), remedy=_("Begin a new project for a new course.")
        )
    changes = _checked(
        {
            "course": course,
            "cap_gpu_seconds": cap_gpu_seconds,
            "most_students": most_students,
            "ends_on": ends_on,
        }
    )
    classroom = Classroom(project=project, opened_by=actor, join_code=_new_code(), **changes)
    return records.insert(actor=actor, action="classroom_open", record=classroom, shown=SHOWN)


@transaction.atomic
def classroom_update(*, actor: Any, classroom: Classroom, **changes: Any) -> Classroom:
    """Change course, cap, most students or the last day (extend, or end sooner). For the instructor.

    A new cap holds for every student but those whose own was set by hand. Raises InvalidInput, IllegalState.
    """
    require(actor, "projects.teach", classroom.project)
    records.only(changes, EDITABLE)
    project = membership.locked(classroom.project)
    classroom = _going_on(classroom)
    changes, cap = _checked(changes), classroom.cap_gpu_seconds
    classroom = records.update(actor=actor, action="classroom_update", record=classroom, changes=changes)
    if classroom.cap_gpu_seconds != cap:
        students = project.members.filter(user__enrolments__in=classroom.enrolments.filter(ended_at=None))
        students.filter(cap_gpu_seconds=cap).update(
            cap_gpu_seconds=classroom.cap_gpu_seconds, updated_at=clock.now()
        )
    return classroom


@transaction.atomic
def classroom_code_renew(*, actor: Any, classroom: Classroom) -> Classroom:
    """A fresh code; the one before lets nobody in any more. For the instructor. Raises IllegalState."""
    return _set_code(actor, classroom, "classroom_code_renew", _new_code())


@transaction.atomic
def classroom_code_revoke(*, actor: Any, classroom: Classroom) -> Classroom:
    """Nobody joins until there is a fresh code. For the instructor. Raises IllegalState."""
    return _set_code(actor, classroom, "classroom_code_revoke", "")


@transaction.atomic
def classroom_join(*, actor: Any, join_code: str) -> Classroom:
    """Become a student of the course with this code (case, blanks and hyphens don't matter).

    Raises InvalidInput (join_code) for a wrong one and TooMany after ten of those within an hour;
    IllegalState for who is in already, NotAllowed, and Refused where the course is full (figures most) or the
    instructor took the student out.
    """
    membership.check_may_join(actor)
    found = _by_code(actor, join_code)
    project = membership.locked(found.project)
    classroom = Classroom.objects.select_for_update(of=("self",)).select_related("project").get(pk=found.pk)
    if classroom.join_code != found.join_code or not classroom.is_open:
        raise _wrong_code()
    membership.check_not_in(project, actor)
    own_cap = _enrol(classroom, actor).own_cap_gpu_seconds
    membership.join(
        actor=actor,
        project=project,
        role=ProjectMember.Role.MEMBER,
        action="classroom_join",
        by=classroom.code,
        cap=classroom.cap_gpu_seconds if own_cap is None else own_cap,
    )
    return classroom


@transaction.atomic
def classroom_close(*, actor: Any, classroom: Classroom) -> Classroom:
    """End the course: its students leave the project, whose other members stay. For the instructor.

    `actor` None: its last day has passed. Jobs that haven't started are cancelled, as for everybody who
    leaves. A student who was made a manager stays one. Raises IllegalState where it has ended.
    """
    if actor is not None:
        require(actor, "projects.teach", classroom.project)
    project = Project.objects.select_for_update(of=("self",)).get(pk=classroom.project_id)
    classroom = _going_on(classroom)
    classroom.join_code = ""
    classroom.store("join_code")
    classroom = records.update(
        actor=actor, action="classroom_close", record=classroom, changes={"closed_at": clock.now()}
    )
    enrolled = classroom.enrolments.filter(ended_at=None)
    students = list(User.objects.filter(enrolments__in=enrolled))
    leaving = project.members.filter(user__in=students, role=ProjectMember.Role.MEMBER)
    before = {"students": sorted(leaving.values_list("user__code", flat=True))}
    gone = list(leaving.values_list("user_id", flat=True))
    leaving.delete()
    membership.let_go(project, gone)
    enrolled.update(ended_at=clock.now(), updated_at=clock.now())  # of those who became managers
    membership.tell_changed(actor, "classroom_members_end", project, before=before, after={"students": []})
    _tell_end(classroom, project, students)
    return classroom


def classrooms_sweep() -> int:
    """Close every course whose last day has passed; returns how many. Once more does nothing."""
    due = Classroom.objects.filter(closed_at=None, ends_on__lt=clock.today()).select_related("project")
    closed = 0
    for classroom in due:
        try:
            classroom_close(actor=None, classroom=classroom)
        except IllegalState:
            continue  # closed by somebody a moment ago
        closed += 1
    return closed


def _check_academic(organisation: Organisation) -> None:
    if organisation.kind != Organisation.Kind.ACADEMIC:
        raise IllegalState(
            _("Courses are for academic and research institutions."),
            code="not_academic",
            remedy=_("Invite the members of this project by e-mail or by a link instead."),
        )
    if not organisation.is_verified:
        raise IllegalState(
            _("%(name)s isn't verified (any more).") % {"name": organisation.name},
            code="organisation_not_verified",
            remedy=_("One of its owners hands in the evidence on the organisation's page."),
        )


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    """What is set, with the reasons against it told by field."""
    if "course" in changes:
        changes["course"] = fold_line(changes["course"])
        if not changes["course"]:
            raise InvalidInput(_("Give the course a name."), field="course")
    if changes.get("cap_gpu_seconds", 1) <= 0:
        raise InvalidInput(_("Each student needs some GPU-hours."), field="gpu_hours")
    if not 1 <= changes.get("most_students", 1) <= MOST_STUDENTS:
        raise InvalidInput(
            _("A course has 1 to %(most)s students.") % {"most": MOST_STUDENTS}, field="most_students"
        )
    today = clock.today()
    if not today <= changes.get("ends_on", today) <= today + LONGEST:
        raise InvalidInput(
            _("A course ends within a year."),
            field="ends_on",
            remedy=_("Choose a day from today on; you can extend it later."),
        )
    return changes


def _going_on(classroom: Classroom) -> Classroom:
    """The row, locked. Raises IllegalState where the course has ended."""
    rows = Classroom.objects.select_for_update(of=("self",)).select_related("project")
    classroom = rows.get(pk=classroom.pk)
    if classroom.closed_at is not None:
        raise IllegalState(_("This course has ended."), remedy=_("Begin a new project for the next one."))
    return classroom


def _set_code(actor: Any, classroom: Classroom, action: str, join_code: str) -> Classroom:
    require(actor, "projects.teach", classroom.project)
    classroom = _going_on(classroom)
    classroom.join_code = join_code
    classroom.store("join_code")
    # The code itself isn't for the audit: its readers aren't in the class.
    audit.record(actor=actor, action=action, target=classroom, after={"may_join": bool(join_code)})
    return classroom


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _letter in range(CODE_LENGTH))


def _by_code(actor: Any, typed: str) -> Classroom:
    """The open course with this code. Wrong tries are counted, right ones aren't."""
    key = f"classroom_tries:{actor.code}"
    if cache.get(key, 0) >= WRONG_TRIES:
        raise TooMany(
            _("Too many wrong codes."),
            field="join_code",
            remedy=_("Ask your instructor, and try in an hour."),
        )
    code = "".join(letter for letter in fold_digits(typed).lower() if letter.isalnum()).translate(MISREAD)
    classroom = Classroom.objects.select_related("project").filter(join_code=code).first() if code else None
    if classroom is None or not classroom.is_open:
        cache.add(key, 0, TRIES_FORGOTTEN_AFTER)
        cache.incr(key)
        raise _wrong_code()
    return classroom


def _wrong_code() -> InvalidInput:
    return InvalidInput(
        _("No course can be joined with this code."),
        field="join_code",
        code="wrong_code",
        remedy=_("Check it letter by letter, or ask your instructor whether it has changed."),
    )


def _enrol(classroom: Classroom, student: Any) -> Enrolment:
    enrolment = classroom.enrolments.filter(user=student).first()
    if enrolment is not None and enrolment.removed:
        raise Refused(
            _("The instructor took you out of this course."),
            code="removed",
            remedy=_("Ask the instructor to invite you by e-mail."),
        )
    if classroom.enrolments.filter(ended_at=None).count() >= classroom.most_students:
        raise Refused(
            _("The course is full: it takes %(most)s students.") % {"most": classroom.most_students},
            code="course_full",
            remedy=_("Ask the instructor to raise the number."),
            figures={"most": classroom.most_students},
        )
    enrolment, _is_new = Enrolment.objects.update_or_create(
        classroom=classroom, user=student, defaults={"ended_at": None, "removed": False}
    )
    return enrolment


def _tell_end(classroom: Classroom, project: Project, students: list[User]) -> None:
    params = {"course": classroom.course, "count": len(students)}
    notify(
        users=students,
        kind="classroom_ended",
        subject=gettext_noop("The course “%(course)s” has ended"),
        body=gettext_noop(
            "You no longer work on its project. Jobs that hadn't started are cancelled. Copy what you need "
            "from the site soon."
        ),
        params=params,
        url="/jobs/",
    )
    notify(
        users=User.objects.filter(project_roles__project=project, project_roles__role=ProjectMember.Role.PI),
        kind="classroom_ended",
        subject=gettext_noop("The course “%(course)s” has ended"),
        body=gettext_noop(
            "Students who left the project: %(count)s. Its other members and its allocations stay."
        ),
        params=params,
        url=classroom.get_absolute_url(),
    )
