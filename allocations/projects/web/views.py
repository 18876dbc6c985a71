"""Pages of projects."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.projects import selectors, services
from allocations.projects.filtersets import ProjectFilters
from allocations.projects.models import Project, ProjectMember
from allocations.projects.policies import MANAGING
from allocations.projects.web import forms
from portal.foundation.errors import NotAllowed, NotVisible
from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView, DetailPage, FormPage, ListPage
from portal.people.models import Organisation

# Lists of the rooms above that show one project's part: label, name of the address.
ELSEWHERE = (
    (gettext_lazy("Requests"), "requests"),
    (gettext_lazy("Allocations"), "allocations"),
    (gettext_lazy("Jobs"), "jobs"),
)


class ProjectList(ListPage):
    title = gettext_lazy("Projects")
    template_name = "projects/project_list.html"
    selector = selectors.list_visible_to
    filterset_class = ProjectFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        return super().get_context_data(
            may_propose=bool(user.organisation_ids),
            invitations=selectors.open_invitations_to(user),
            **kwargs,
        )


class ProjectPage(DetailPage):
    template_name = "projects/project_detail.html"
    selector = selectors.detail_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        project: Project = page["object"]
        user = self.request.user
        role = selectors.role_in(user, project)
        manages = role in MANAGING
        return page | {
            "tabs": tabs_of(project, manages=manages),
            "role": role,
            "may_manage": manages,
            "may_leave": role not in {"", ProjectMember.Role.PI},
            "may_hand_over": allowed(user, "projects.hand_over", project),
            "hand_over": selectors.hand_over_of(project) if role else None,
            "members": selectors.members_with_use(project),
            "invitations": list(selectors.unanswered_invitations(project)) if manages else [],
            "links": selectors.links_of(project) if manages else [],
            "request_url": address("request_new", project) if manages else "",
            "job_url": address("job_new", project) if role else "",
        }


class ProjectFormPage(FormPage):
    """A form of the project of the address, for its PI and managers."""

    template_name = "projects/form.html"

    def prepare(self) -> None:
        code = self.kwargs["code"]
        self.object = get_object_or_404(selectors.visible_to(self.actor), code=code)
        require(
            self.actor,
            "projects.manage",
            self.object,
            message=_("Only the project's principal investigator and managers may change it."),
        )
        services.require_active(self.object)

    @property
    def actor(self) -> Any:
        return self.request.user


class ProjectNew(ProjectFormPage):
    form_class = forms.ProjectNewForm
    title = gettext_lazy("New project")
    submit_label = gettext_lazy("Create the project")

    def page_context(self) -> dict[str, Any]:
        return {"back_url": reverse("projects")}

    def prepare(self) -> None:
        self.organisations = list(selectors.organisations_to_propose_for(self.actor))
        if not self.organisations:
            raise NotAllowed(
                _("You belong to no organisation yet."),
                remedy=_("Register yours under “Organisations”, or ask one of its owners to invite you."),
            )

    def get_initial(self) -> dict[str, Any]:
        only = len(self.organisations) == 1
        return {"organisation": self.organisations[0].code} if only else {}

    def form_options(self) -> dict[str, Any]:
        return {"user": self.actor}

    def act(self, form: Any) -> Project:
        return services.project_create(actor=self.actor, **form.cleaned_data)


class ProjectEdit(ProjectFormPage):
    form_class = forms.ProjectForm
    title = gettext_lazy("Change the project")

    def get_initial(self) -> dict[str, Any]:
        return forms.of(self.object)

    def act(self, form: Any) -> Project:
        return services.project_update(actor=self.actor, project=self.object, **form.cleaned_data)


class ProjectAction(ActionView):
    """A button on a project's page. Who can't see the project any more goes back to the list."""

    selector = selectors.visible_to

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        reply = super().post(request, *args, **kwargs)
        still_seen = selectors.visible_to(request.user).filter(code=self.kwargs["code"]).exists()
        return reply if still_seen else redirect("projects")


class ProjectArchive(ProjectAction):
    def act(self, target: Project) -> str:
        services.project_archive(actor=self.request.user, project=target)
        return _("The project is archived. “Take out of the archive” undoes it.")


class ProjectUnarchive(ProjectAction):
    def act(self, target: Project) -> str:
        services.project_unarchive(actor=self.request.user, project=target)
        return _("The project is active again.")


class ProjectLeave(ProjectAction):
    def act(self, target: Project) -> str:
        services.member_leave(actor=self.request.user, project=target)
        return _("You left the project “%(title)s”.") % {"title": target.title}


def find_member(project: Project, code: str) -> ProjectMember:
    """Raises NotVisible where nobody with this code is a member."""
    member = selectors.member_named(project, code)
    if member is None:
        raise NotVisible(_("This person isn't a member any more."))
    return member


def address(name: str, project: Project) -> str:
    """The address of another room's page about `project`; empty where this installation has no such page."""
    try:
        return f"{reverse(name)}?project={project.code}"
    except NoReverseMatch:
        return ""


def tabs_of(project: Project, *, manages: bool, current: str = "project") -> list[dict[str, Any]]:
    """The project's pages; that of the course for those who run it, or could open one."""
    tabs = [(_("Overview"), "project", project.get_absolute_url())]
    if manages and (project.organisation.kind == Organisation.Kind.ACADEMIC or current == "classroom"):
        tabs.append((_("Course"), "classroom", reverse("classroom", args=[project.code])))
    tabs += [(str(label), name, address(name, project)) for label, name in ELSEWHERE]
    return [{"label": label, "url": url, "current": name == current} for label, name, url in tabs if url]
