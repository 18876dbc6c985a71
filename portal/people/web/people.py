"""The register of people, for programme admins: who they are, their roles, ending and giving back access."""

from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.policies import require
from portal.foundation.web import DetailPage, FormPage, ListPage
from portal.people.filtersets import PersonFilter
from portal.people.models import User
from portal.people.selectors import people_visible_to
from portal.people.services import roles, users
from portal.people.web.forms import ReasonForm, RoleForm, ScopeForm


class PersonList(ListPage):
    selector = people_visible_to
    filterset_class = PersonFilter
    template_name = "people/person_list.html"
    title = gettext_lazy("People")

    def get_queryset(self) -> Any:
        require(self.request.user, "people.administer")
        return super().get_queryset().order_by("name", "id")


class PersonPage(DetailPage):
    selector = people_visible_to
    template_name = "people/person.html"


class PersonForm(FormPage):
    """A form with which an admin changes what somebody may do."""

    def prepare(self) -> None:
        self.object = get_object_or_404(people_visible_to(self.request.user), code=self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        href = self.object.get_absolute_url()
        crumbs = [
            {"label": _("People"), "href": reverse("people")},
            {"label": self.object.name, "href": href},
        ]
        return {"crumbs": crumbs, "back_url": href, "lede": f"{self.object.name} · {self.object.email}"}

    def change(self, form: Any) -> str:
        """Call the service; return the message of success."""
        raise NotImplementedError

    def act(self, form: Any) -> User:
        messages.success(self.request, self.change(form))
        return self.object  # type: ignore[no-any-return]


class RoleGrant(PersonForm):
    form_class = RoleForm
    title = gettext_lazy("Grant a role")
    submit_label = gettext_lazy("Grant")

    def change(self, form: RoleForm) -> str:
        row = roles.role_grant(actor=self.request.user, user=self.object, **form.cleaned_data)
        return _("%(person)s: %(role)s.") % {"person": self.object, "role": row.get_role_display()}


class RoleRevoke(PersonForm):
    form_class = ReasonForm
    title = gettext_lazy("Revoke a role")
    submit_label = gettext_lazy("Revoke")

    def prepare(self) -> None:
        super().prepare()
        self.role = get_object_or_404(self.object.programme_roles, code=self.kwargs["role"])

    def page_context(self) -> dict[str, Any]:
        page = super().page_context()
        return page | {"lede": f"{page['lede']} · {self.role.get_role_display()}", "danger": True}

    def change(self, form: ReasonForm) -> str:
        roles.role_revoke(actor=self.request.user, role=self.role, **form.cleaned_data)
        return _("The role was revoked.")


class ScopeGrant(PersonForm):
    form_class = ScopeForm
    title = gettext_lazy("Grant a scope")
    submit_label = gettext_lazy("Grant")

    def change(self, form: ScopeForm) -> str:
        roles.scope_grant(actor=self.request.user, user=self.object, **form.cleaned_data)
        return _("The scope was granted.")


class ScopeRevoke(PersonForm):
    form_class = ReasonForm
    title = gettext_lazy("Revoke a scope")
    submit_label = gettext_lazy("Revoke")

    def prepare(self) -> None:
        super().prepare()
        self.scope = get_object_or_404(self.object.auditor_scopes, public_code=self.kwargs["scope"])

    def page_context(self) -> dict[str, Any]:
        page = super().page_context()
        shown = f"{page['lede']} · {self.scope.get_kind_display()} {self.scope.code}".strip()
        return page | {"lede": shown, "danger": True}

    def change(self, form: ReasonForm) -> str:
        roles.scope_revoke(actor=self.request.user, scope=self.scope, **form.cleaned_data)
        return _("The scope was revoked.")


class AccessEnd(PersonForm):
    form_class = ReasonForm
    title = gettext_lazy("End access")
    submit_label = gettext_lazy("End access")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def change(self, form: ReasonForm) -> str:
        users.user_deactivate(actor=self.request.user, user=self.object, **form.cleaned_data)
        return _("Access ended: sessions and tokens no longer work.")


class AccessGiveBack(PersonForm):
    form_class = ReasonForm
    title = gettext_lazy("Give access back")
    submit_label = gettext_lazy("Give back")

    def change(self, form: ReasonForm) -> str:
        users.user_reactivate(actor=self.request.user, user=self.object, **form.cleaned_data)
        return _("Access was given back.")
