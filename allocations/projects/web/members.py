"""Pages about who works on a project: roles, caps, invitations, links, the hand-over."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView, View

from allocations.projects import selectors, services
from allocations.projects.models import HandOver, Project, ProjectInvitation, ProjectLink
from allocations.projects.policies import pi_is_gone
from allocations.projects.web import forms
from allocations.projects.web.views import ProjectAction, ProjectFormPage, find_member
from portal.foundation import clock
from portal.foundation.errors import DomainError, IllegalState, NotVisible
from portal.foundation.middleware import tell
from portal.foundation.policies import require
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import ActionView, DetailPage
from portal.people.adapters import ONWARD

LINK = "project_link"  # In the session: the code of a link whose secret this browser has shown.


# --- Roles and caps ---------------------------------------------------------------------------------
class MemberRole(ProjectAction):
    def act(self, target: Project) -> str:
        member = services.member_role_change(
            actor=self.request.user,
            member=find_member(target, self.kwargs["user"]),
            role=self.request.POST.get("role", ""),
        )
        return _("%(name)s is now: %(role)s.") % {"name": member.user, "role": member.get_role_display()}


class MemberRemove(ProjectAction):
    def act(self, target: Project) -> str:
        member = find_member(target, self.kwargs["user"])
        services.member_remove(actor=self.request.user, member=member)
        return _("%(name)s is no longer a member. To undo it, invite %(email)s again.") % {
            "name": member.user,
            "email": member.user.email,
        }


class MemberCap(ProjectFormPage):
    form_class = forms.CapForm
    title = gettext_lazy("Cap of a member")

    def prepare(self) -> None:
        super().prepare()
        self.member = find_member(self.object, self.kwargs["user"])

    def page_context(self) -> dict[str, Any]:
        return {"title": _("Cap of %(name)s") % {"name": self.member.user}}

    def get_initial(self) -> dict[str, Any]:
        return {"gpu_hours": forms.written_hours(self.member.cap_gpu_seconds)}

    def act(self, form: Any) -> Project:
        hours = form.cleaned_data["gpu_hours"]
        services.member_cap_set(
            actor=self.actor,
            member=self.member,
            gpu_seconds=None if hours is None else hours_to_seconds(hours),
        )
        messages.success(self.request, _("The cap is set."))
        project: Project = self.object
        return project


# --- Invitations ------------------------------------------------------------------------------------
class Invite(ProjectFormPage):
    form_class = forms.InviteForm
    title = gettext_lazy("Invite somebody")
    submit_label = gettext_lazy("Send the invitation")

    def act(self, form: Any) -> Project:
        project: Project = self.object
        invitation = services.project_invite(actor=self.actor, project=project, **form.cleaned_data)
        messages.success(
            self.request, _("The invitation to %(email)s is on its way.") % {"email": invitation.email}
        )
        return project


class InvitationPage(DetailPage):
    selector = selectors.invitations_to
    template_name = "projects/invitation.html"


class InvitationAccept(ActionView):
    selector = selectors.invitations_to

    def act(self, target: ProjectInvitation) -> str:
        services.invitation_accept(actor=self.request.user, invitation=target)
        self.joined = True
        return _("Welcome to “%(project)s”.") % {"project": target.project.title}

    def page_of(self, target: ProjectInvitation) -> Any:
        return target.project if getattr(self, "joined", False) else target


class InvitationDecline(ActionView):
    selector = selectors.invitations_to

    def act(self, target: ProjectInvitation) -> str:
        services.invitation_decline(actor=self.request.user, invitation=target)
        return _("You declined.")


class InvitationManaged(ActionView):
    """A button beside an invitation on the project's page."""

    selector = selectors.invitations_managed_by

    def page_of(self, target: ProjectInvitation) -> Any:
        return target.project


class InvitationWithdraw(InvitationManaged):
    def act(self, target: ProjectInvitation) -> str:
        services.invitation_withdraw(actor=self.request.user, invitation=target)
        return _("The invitation to %(email)s was withdrawn.") % {"email": target.email}


class InvitationResend(InvitationManaged):
    def act(self, target: ProjectInvitation) -> str:
        services.invitation_resend(actor=self.request.user, invitation=target)
        return _("The invitation to %(email)s is on its way.") % {"email": target.email}


# --- Links ------------------------------------------------------------------------------------------
class LinkNew(ProjectFormPage):
    """Makes a link and shows it, this one time, in the answer to the POST: nowhere else does it exist."""

    form_class = forms.LinkForm
    title = gettext_lazy("New link for joining")
    submit_label = gettext_lazy("Make the link")
    made: tuple[ProjectLink, str] | None = None

    def act(self, form: Any) -> Project:
        typed = form.cleaned_data
        self.made = services.link_make(
            actor=self.actor,
            project=self.object,
            role=typed["role"],
            expires_at=clock.now() + timedelta(days=typed["days"]),
            most_uses=typed["most_uses"],
        )
        project: Project = self.object
        return project

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        if self.made is None:
            return response
        link, secret = self.made
        address = request.build_absolute_uri(reverse("project_join_open", args=[secret]))
        page = {"object": self.object, "link": link, "address": address}
        response = render(request, "projects/link_made.html", page)
        response["Cache-Control"] = "no-store"
        return response


class LinkRevoke(ActionView):
    selector = selectors.links_managed_by

    def act(self, target: ProjectLink) -> str:
        services.link_revoke(actor=self.request.user, link=target)
        return _("The link no longer works. Who joined by it stays.")

    def page_of(self, target: ProjectLink) -> Any:
        return target.project


@method_decorator(never_cache, name="dispatch")
class JoinOpen(View):
    """A link's own address: its secret leaves the address bar at once; the session remembers it was shown."""

    def get(self, request: HttpRequest, secret: str) -> HttpResponse:
        request.session[LINK] = services.link_of(secret).code
        if not request.user.is_authenticated:
            request.session[ONWARD] = reverse("project_join")
        return redirect("project_join")


@method_decorator(never_cache, name="dispatch")
class JoinPage(TemplateView):
    """What somebody was invited to by a link; signed out it leads through signing up or in, and back."""

    template_name = "projects/join.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(link=self.link(), **kwargs)

    def link(self) -> ProjectLink | None:
        """The one that this browser opened, while it works."""
        code = self.request.session.get(LINK, "")
        links = ProjectLink.objects.select_related("project__organisation", "made_by")
        link = links.filter(code=code, project__archived_at=None).first()
        return link if link is not None and link.is_open else None

    def post(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect(f"{reverse('account_login')}?next={reverse('project_join')}")
        link = self.link()
        if link is None:
            return redirect("project_join")
        try:
            services.link_join(actor=request.user, link=link)
        except DomainError as error:
            tell(request, error)
            return redirect("project_join")
        request.session.pop(LINK, None)
        messages.success(request, _("Welcome to “%(project)s”.") % {"project": link.project.title})
        return redirect(link.project)


# --- The hand-over ----------------------------------------------------------------------------------
class HandOverNew(ProjectFormPage):
    form_class = forms.HandOverForm
    title = gettext_lazy("Hand the project over")
    submit_label = gettext_lazy("Ask the successor")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.visible_to(self.actor), code=self.kwargs["code"])
        require(
            self.actor,
            "projects.hand_over",
            self.object,
            message=_("Only the project's principal investigator may hand it over."),
        )
        services.require_active(self.object)
        if not selectors.successors_in(self.object).exists():
            raise IllegalState(
                _("There is nobody who could lead this project yet."),
                remedy=_("Invite somebody of the project's organisation to the project first."),
            )

    def form_options(self) -> dict[str, Any]:
        return {"project": self.object, "pi_is_gone": pi_is_gone(self.object)}

    def act(self, form: Any) -> Project:
        project: Project = self.object
        services.hand_over_propose(actor=self.actor, project=project, **form.cleaned_data)
        messages.success(
            self.request,
            _("%(name)s is asked to lead the project.") % {"name": form.cleaned_data["successor"]},
        )
        return project


class HandOverAction(ProjectAction):
    def hand_over(self, project: Project) -> HandOver:
        found = selectors.hand_over_of(project)
        if found is None:
            raise NotVisible(_("Nobody is asked to take this project over (any more)."))
        return found


class HandOverAccept(HandOverAction):
    def act(self, target: Project) -> str:
        services.hand_over_accept(actor=self.request.user, hand_over=self.hand_over(target))
        return _("You lead this project now.")


class HandOverDecline(HandOverAction):
    def act(self, target: Project) -> str:
        services.hand_over_decline(actor=self.request.user, hand_over=self.hand_over(target))
        return _("You declined.")


class HandOverWithdraw(HandOverAction):
    def act(self, target: Project) -> str:
        services.hand_over_withdraw(actor=self.request.user, hand_over=self.hand_over(target))
        return _("The proposal was withdrawn.")
