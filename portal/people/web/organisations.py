"""Organisations: the list, the page of one, its members and invitations."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView, DetailPage, FormPage, ListPage
from portal.people import identifiers
from portal.people.filtersets import OrganisationFilter
from portal.people.models import Invitation, Membership, Organisation, User, Verification
from portal.people.selectors import (
    SEE_ALL,
    invitations_manageable_by,
    invitations_to,
    members_of,
    open_invitations_of,
    organisations_visible_to,
    removals_of,
)
from portal.people.services import members, organisations
from portal.people.services.ownership import may_ask_from
from portal.people.services.recognition import join_offer
from portal.people.web.forms import ConfirmForm, InvitationForm, OrganisationDetailsForm, OrganisationForm

PER_PAGE = 25


class OrganisationList(ListPage):
    selector = organisations_visible_to
    filterset_class = OrganisationFilter
    template_name = "people/organisation_list.html"
    title = gettext_lazy("Organisations")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        invitations = [entry for entry in invitations_to(user) if entry.is_open]
        return super().get_context_data(
            invitations=invitations, offer=join_offer(user), sees_all=bool(user.roles & SEE_ALL), **kwargs
        )


class OrganisationPage(DetailPage):
    selector = organisations_visible_to
    template_name = "people/organisation.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        organisation = self.find()
        may_manage = allowed(user, "people.manage_organisation", organisation)
        owners = organisation.memberships.filter(role=Membership.Role.OWNER, user__is_active=True).count()
        verifications = organisation.verifications.select_related("submitted_by", "verifier")
        is_member = organisation.pk in user.organisation_ids
        is_orphaned = owners == 0
        may_ask = is_orphaned and is_member
        asked = organisation.ownership_requests.filter(user=user, state="pending") if may_ask else None
        may_change_roles = may_manage or allowed(user, "people.change_member_role", organisation)
        sees_claims = organisation.pk in user.organisation_ids or allowed(user, "people.verify")
        return {
            "object": organisation,
            "may_manage": may_manage,
            "is_member": is_member,
            "is_orphaned": is_orphaned,
            "asked": asked.first() if asked is not None else None,
            "ask_again_on": may_ask_from(user, organisation) if may_ask else None,
            "page_obj": self.page_of(members_of(organisation)),
            "sees_addresses": may_manage or allowed(user, "people.see_addresses", organisation),
            "may_change_roles": may_change_roles,
            "removals": removals_of(organisation)[:PER_PAGE] if may_change_roles else [],
            # The last owner can neither leave nor step down.
            "is_last_owner": may_manage and owners == 1,
            "offer": join_offer(user) if is_member and not organisation.is_verified else None,
            "roles": Membership.Role.choices,
            "invitations": open_invitations_of(organisation) if may_manage else [],
            "events": [event(verification) for verification in verifications] if sees_claims else [],
            "pending": next((v for v in verifications if v.state == "pending"), None),
            **kwargs,
        }

    def page_of(self, members: QuerySet[Membership]) -> Page[Membership]:
        return Paginator(members, PER_PAGE).get_page(self.request.GET.get("page"))


def event(verification: Verification) -> dict[str, Any]:
    """One verification as a line of the timeline."""
    tones = {"accepted": "success", "refused": "danger", "revoked": "danger", "pending": "warning"}
    kind = identifiers.label_of(verification.identifier_kind)
    lines = [f"{kind}: {verification.identifier}", verification.reason]
    if verification.is_in_force and verification.expires_on:
        lines.insert(1, _("Valid until %(day)s") % {"day": date_format(verification.expires_on, "j M Y")})
    title = verification.get_state_display()
    if verification.state == Verification.State.ACCEPTED and not verification.is_in_force:
        title = _("Verified, since expired")
    return {
        "at": verification.decided_at or verification.created_at,
        "title": title,
        "by": verification.verifier or verification.get_rule_display() or verification.submitted_by,
        "text": "\n".join(line for line in lines if line),
        "href": verification.get_absolute_url(),
        "tone": tones.get(verification.state, ""),
    }


class OrganisationCreate(FormPage):
    form_class = OrganisationForm
    title = gettext_lazy("New organisation")
    submit_label = gettext_lazy("Create the organisation")

    def page_context(self) -> dict[str, Any]:
        href = reverse("organisations")
        return {"crumbs": [{"label": _("Organisations"), "href": href}], "back_url": href}

    def act(self, form: OrganisationForm) -> Organisation:
        organisation = organisations.organisation_create(
            actor=self.request.user,
            **form.cleaned_data,
        )
        messages.success(self.request, _("Created. Have it verified next: then it can ask for GPU-hours."))
        return organisation


class OrganisationFormPage(FormPage):
    """A form about one organisation, for its owners. Who sees it but doesn't own it gets 403."""

    def prepare(self) -> None:
        user = self.request.user
        self.object = get_object_or_404(organisations_visible_to(user), code=self.kwargs["code"])
        require(user, "people.manage_organisation", self.object)

    def page_context(self) -> dict[str, Any]:
        return {"crumbs": crumbs_of(self.object), "back_url": self.object.get_absolute_url()}


def crumbs_of(organisation: Organisation) -> list[dict[str, Any]]:
    """The way to the page of an organisation."""
    return [
        {"label": _("Organisations"), "href": reverse("organisations")},
        {"label": organisation.name, "href": organisation.get_absolute_url()},
    ]


class OrganisationEdit(OrganisationFormPage):
    form_class = OrganisationDetailsForm
    title = gettext_lazy("Edit organisation")

    def get_initial(self) -> dict[str, Any]:
        return {name: getattr(self.object, name) for name in ("name", "province", "women_led", "website")}

    def act(self, form: OrganisationDetailsForm) -> Organisation:
        changed = organisations.organisation_update(
            actor=self.request.user,
            organisation=self.object,
            **form.cleaned_data,
        )
        messages.success(self.request, _("Saved."))
        return changed


# --- Members ----------------------------------------------------------------------------------------
class MemberInvite(OrganisationFormPage):
    form_class = InvitationForm
    title = gettext_lazy("Invite a member")
    submit_label = gettext_lazy("Send the invitation")

    def act(self, form: InvitationForm) -> Organisation:
        invitation = members.member_invite(
            actor=self.request.user,
            organisation=self.object,
            **form.cleaned_data,
        )
        messages.success(
            self.request, _("The invitation to %(email)s is on its way.") % {"email": invitation.email}
        )
        return self.object  # type: ignore[no-any-return]


class MemberAction(ActionView):
    """Something done to one member of the organisation."""

    selector = organisations_visible_to

    def member(self, organisation: Organisation) -> User:
        return get_object_or_404(members_of(organisation), user__code=self.kwargs["member"]).user


class MemberRole(MemberAction):
    def act(self, target: Organisation) -> str:
        changed = members.member_role_change(
            actor=self.request.user,
            organisation=target,
            user=self.member(target),
            role=self.request.POST.get("role", ""),
        )
        return _("%(person)s: %(role)s.") % {"person": changed.user, "role": changed.get_role_display()}


class OwnershipHandOver(OrganisationFormPage):
    form_class = ConfirmForm
    title = gettext_lazy("Hand over ownership")
    submit_label = gettext_lazy("Hand over")

    def prepare(self) -> None:
        super().prepare()
        self.member = get_object_or_404(members_of(self.object), user__code=self.kwargs["member"]).user

    def page_context(self) -> dict[str, Any]:
        lede = _("%(person)s becomes an owner; you stay as a plain member. You can't take it back yourself.")
        return super().page_context() | {"lede": lede % {"person": self.member}, "danger": True}

    def act(self, form: ConfirmForm) -> Organisation:
        members.ownership_hand_over(actor=self.request.user, organisation=self.object, user=self.member)
        messages.success(self.request, _("%(person)s owns it now.") % {"person": self.member})
        return self.object  # type: ignore[no-any-return]


class MemberRemove(MemberAction):
    def act(self, target: Organisation) -> str:
        user = self.member(target)
        members.member_remove(actor=self.request.user, organisation=target, user=user)
        self.left = user == self.request.user
        return (
            _("You left %(organisation)s.") % {"organisation": target}
            if self.left
            else _("%(person)s was removed.") % {"person": user}
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.left = False
        response = super().post(request, *args, **kwargs)
        # Who left can no longer see the page of the organisation.
        return redirect("organisations") if self.left else response


class MemberReadmit(ActionView):
    """Lets somebody who was taken out join again."""

    selector = organisations_visible_to

    def act(self, target: Organisation) -> str:
        user = get_object_or_404(removals_of(target), user__code=self.kwargs["member"]).user
        members.member_readmit(actor=self.request.user, organisation=target, user=user)
        return _("%(person)s may join again.") % {"person": user}


# --- Invitations ------------------------------------------------------------------------------------
class InvitationPage(DetailPage):
    selector = invitations_to
    template_name = "people/invitation.html"


class InvitationAccept(ActionView):
    selector = invitations_to

    def act(self, target: Invitation) -> str:
        members.invitation_accept(actor=self.request.user, invitation=target)
        return _("Welcome to %(organisation)s.") % {"organisation": target.organisation}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        super().post(request, *args, **kwargs)
        return redirect("organisations")


class InvitationDecline(ActionView):
    selector = invitations_to

    def act(self, target: Invitation) -> str:
        members.invitation_decline(actor=self.request.user, invitation=target)
        return _("You declined.")


class InvitationWithdraw(ActionView):
    selector = invitations_manageable_by

    def act(self, target: Invitation) -> str:
        members.invitation_withdraw(actor=self.request.user, invitation=target)
        return _("The invitation to %(email)s was withdrawn.") % {"email": target.email}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        organisation = self.find().organisation
        super().post(request, *args, **kwargs)
        return redirect(organisation)
