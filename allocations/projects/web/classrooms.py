"""Pages of courses: the instructor's, the list of students as CSV, and joining by a code."""

import csv
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import View

from allocations.projects import selectors, services
from allocations.projects.models import Classroom, Enrolment, Project, ProjectMember
from allocations.projects.use import Use
from allocations.projects.web import forms
from allocations.projects.web.views import ProjectAction, ProjectFormPage, tabs_of
from portal.foundation.errors import NotVisible
from portal.foundation.policies import allowed, require
from portal.foundation.text import harmless
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import DetailPage, FormPage


class ClassroomPage(DetailPage):
    """The course of a project, for its PI and managers; without one, how to open it."""

    selector = selectors.detail_visible_to
    template_name = "projects/classroom.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        project: Project = page["object"]
        require(self.request.user, "projects.manage", project)
        classroom = selectors.classroom_of(project)
        students = selectors.students_of(classroom) if classroom else []
        return page | {
            "classroom": classroom,
            "tabs": tabs_of(project, manages=True, current="classroom"),
            "may_teach": allowed(self.request.user, "projects.teach", project) and not project.archived_at,
            "students": students,
            "enrolled": sum(enrolment.ended_at is None for enrolment, _member, _use in students),
            "trained": sum(use.ran for _enrolment, _member, use in students),
            "used": sum(use.used for _enrolment, _member, use in students),
        }


class ClassroomFormPage(ProjectFormPage):
    """A form about the course, for the instructor."""

    form_class: ClassVar[type[Form]] = forms.ClassroomForm

    def prepare(self) -> None:
        super().prepare()
        require(
            self.actor,
            "projects.teach",
            self.object,
            message=_("The course is led by the project's principal investigator."),
        )

    def typed(self, form: Any) -> dict[str, Any]:
        typed: dict[str, Any] = dict(form.cleaned_data)
        typed["cap_gpu_seconds"] = hours_to_seconds(typed.pop("gpu_hours"))
        return typed


class ClassroomOpen(ClassroomFormPage):
    title = gettext_lazy("Open a course")
    submit_label = gettext_lazy("Open the course")

    def act(self, form: Any) -> Classroom:
        classroom = services.classroom_open(actor=self.actor, project=self.object, **self.typed(form))
        messages.success(self.request, _("The course is open. Show your students its code."))
        return classroom


class ClassroomEdit(ClassroomFormPage):
    title = gettext_lazy("Change the course")

    def prepare(self) -> None:
        super().prepare()
        self.classroom = find_classroom(self.object)

    def get_initial(self) -> dict[str, Any]:
        return forms.of_classroom(self.classroom)

    def act(self, form: Any) -> Classroom:
        return services.classroom_update(actor=self.actor, classroom=self.classroom, **self.typed(form))


class ClassroomAction(ProjectAction):
    """A button on the page of a course."""

    def page_of(self, target: Project) -> Any:
        return selectors.classroom_of(target) or target


class CodeRenew(ClassroomAction):
    def act(self, target: Project) -> str:
        services.classroom_code_renew(actor=self.request.user, classroom=find_classroom(target))
        return _("There is a new code; the one before no longer works.")


class CodeRevoke(ClassroomAction):
    def act(self, target: Project) -> str:
        services.classroom_code_revoke(actor=self.request.user, classroom=find_classroom(target))
        return _("Nobody can join now. “New code” lets students in again.")


class ClassroomClose(ClassroomFormPage):
    form_class = forms.NothingForm
    title = gettext_lazy("End the course now")
    submit_label = gettext_lazy("End the course")

    def prepare(self) -> None:
        super().prepare()
        self.classroom = find_classroom(self.object)

    def page_context(self) -> dict[str, Any]:
        enrolled = self.classroom.enrolments.filter(ended_at=None).count()
        return {
            "danger": True,
            "back_url": self.classroom.get_absolute_url(),
            "lede": ngettext(
                "One student leaves the project, and jobs of theirs that haven't started are cancelled. "
                "This can't be undone; the next course is a new project.",
                "%(count)s students leave the project, and jobs of theirs that haven't started are "
                "cancelled. This can't be undone; the next course is a new project.",
                enrolled,
            )
            % {"count": enrolled},
        }

    def act(self, form: Any) -> Classroom:
        return services.classroom_close(actor=self.actor, classroom=self.classroom)


class StudentsTable(LoginRequiredMixin, View):
    """The students with what each used, as CSV."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        project = get_object_or_404(selectors.visible_to(request.user), code=code)
        require(request.user, "projects.manage", project)
        classroom = find_classroom(project)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="students-{project.code}.csv"'
        writer = csv.writer(response)
        writer.writerow(
            [
                _("Name"),
                _("E-mail address"),
                _("Joined (UTC)"),
                _("Ended (UTC)"),
                _("Cap (GPU-seconds)"),
                _("Held (GPU-seconds)"),
                _("Charged (GPU-seconds)"),
                _("Ran a job"),
            ]
        )
        writer.writerows(row_of(*student) for student in selectors.students_of(classroom))
        return response


class JoinCourse(FormPage):
    form_class = forms.JoinCourseForm
    template_name = "projects/join_course.html"
    title = gettext_lazy("Join a course")
    submit_label = gettext_lazy("Join")

    def act(self, form: Any) -> Project:
        classroom = services.classroom_join(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Welcome to “%(course)s”.") % {"course": classroom.course})
        return classroom.project


def find_classroom(project: Project) -> Classroom:
    """Raises NotVisible where the project is no course."""
    classroom = selectors.classroom_of(project)
    if classroom is None:
        raise NotVisible(_("This project is no course."))
    return classroom


def row_of(enrolment: Enrolment, member: ProjectMember | None, use: Use) -> list[Any]:
    """A student as a row of the table; people's own words never become formulas."""
    moments = (enrolment.created_at, enrolment.ended_at)
    words = (enrolment.user.name, enrolment.user.email)
    return [
        *map(harmless, words),
        *(moment.strftime("%Y-%m-%d %H:%M:%S") if moment else "" for moment in moments),
        "" if member is None or member.cap_gpu_seconds is None else member.cap_gpu_seconds,
        use.held,
        use.charged,
        int(use.ran),
    ]
