"""Forms with which admins and site managers keep sites."""

from typing import Any

from django.contrib import messages
from django.forms import model_to_dict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from datacenters import selectors, services
from datacenters.models import Cluster, Resource, Site
from datacenters.web import forms
from portal.foundation.errors import InvalidInput
from portal.foundation.policies import allowed, require
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import ActionView, FormPage
from portal.people.models import User


class SiteForm(FormPage):
    """A form about the site of the address; `permission` says who may open it."""

    template_name = "datacenters/form.html"
    permission = "datacenters.administer"

    def prepare(self) -> None:
        self.object = self.site = self.find_site()
        require(self.actor, self.permission, self.site)

    @property
    def actor(self) -> Any:
        return self.request.user

    def find_site(self) -> Site:
        return get_object_or_404(selectors.sites_visible_to(self.actor), code=self.kwargs["code"])

    def kept(self, thing: Any) -> dict[str, Any]:
        """What the form's fields hold of `thing` now."""
        return model_to_dict(thing, fields=list(self.form_class.base_fields))


class SiteNew(SiteForm):
    form_class = forms.SiteNewForm
    title = gettext_lazy("New site")

    def page_context(self) -> dict[str, Any]:
        return {"back_url": reverse("sites")}

    def prepare(self) -> None:
        require(self.actor, self.permission)

    def act(self, form: Any) -> Site:
        return services.site_create(actor=self.actor, **form.cleaned_data)


class SiteEdit(SiteForm):
    form_class = forms.SiteForm
    permission = "datacenters.manage_site"
    title = gettext_lazy("Change the site")

    def get_initial(self) -> dict[str, Any]:
        return self.kept(self.site)

    def form_options(self) -> dict[str, Any]:
        return {"may_change_kind": allowed(self.actor, "datacenters.administer")}

    def act(self, form: Any) -> Site:
        return services.site_update(actor=self.actor, site=self.site, **form.cleaned_data)


class ClusterEdit(SiteForm):
    """Connects a site that has no cluster, or changes how its cluster is reached."""

    template_name = "datacenters/cluster_form.html"
    form_class = forms.ClusterForm
    title = gettext_lazy("Slurm cluster")

    def prepare(self) -> None:
        super().prepare()
        self.cluster = getattr(self.site, "cluster", None)
        if self.cluster is None:
            self.form_class = forms.ClusterNewForm  # type: ignore[misc]

    def get_initial(self) -> dict[str, Any]:
        if self.cluster is None:
            code, key = self.site.code, f"{self.site.code}.key"
            known = {"signer": key} if key in services.key_names() else {}
            return {"code": code, "slurm_name": code, "operator_login": "tqportal", **known}
        return self.kept(self.cluster)

    def act(self, form: Any) -> Site:
        if self.cluster is None:
            services.cluster_create(actor=self.actor, site=self.site, **form.cleaned_data)
        else:
            changed = services.cluster_update(actor=self.actor, cluster=self.cluster, **form.cleaned_data)
            if self.cluster.is_enabled and not changed.is_enabled:
                messages.warning(
                    self.request,
                    _("The cluster is reached in another way now, so it is switched off. Run its preflight."),
                )
        return self.site


class ClusterOff(ActionView):
    """Nothing more is sent; what runs goes on. It is switched on again where the preflight is run."""

    selector = selectors.sites_visible_to

    def act(self, target: Site) -> str:
        require(self.request.user, "datacenters.administer")
        cluster = get_object_or_404(Cluster, site=target)
        services.cluster_update(actor=self.request.user, cluster=cluster, is_enabled=False)
        return _("The cluster is switched off.")


class AccreditationEdit(SiteForm):
    form_class = forms.AccreditationForm
    title = gettext_lazy("Accreditation")

    def get_initial(self) -> dict[str, Any]:
        known = self.site.accreditations.filter(data_class=self.request.GET.get("data_class", "")).first()
        return self.kept(known) if known else {}

    def act(self, form: Any) -> Site:
        services.accreditation_set(actor=self.actor, site=self.site, **form.cleaned_data)
        return self.site


class AccreditationWithdraw(SiteForm):
    form_class = forms.WithdrawForm
    title = gettext_lazy("Withdraw the accreditation")
    submit_label = gettext_lazy("Withdraw")

    def act(self, form: Any) -> Site:
        services.accreditation_withdraw(
            actor=self.actor,
            site=self.site,
            data_class=self.kwargs["data_class"],
            reason=form.cleaned_data["reason"],
        )
        return self.site


class SiteRoleNew(SiteForm):
    form_class = forms.SiteRoleForm
    title = gettext_lazy("Let somebody run this site")

    def act(self, form: Any) -> Site:
        email = form.cleaned_data["email"]
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise InvalidInput(
                _("Nobody here has the address %(email)s.") % {"email": email},
                field="email",
                remedy=_("Ask the person to sign up first."),
            )
        services.site_role_grant(actor=self.actor, site=self.site, user=user, role=form.cleaned_data["role"])
        return self.site


class SiteRoleRevoke(ActionView):
    selector = selectors.sites_visible_to

    def act(self, target: Site) -> str:
        user = get_object_or_404(User, code=self.kwargs["user"])
        services.site_role_revoke(actor=self.request.user, site=target, user=user, role=self.kwargs["role"])
        return _("%(name)s no longer has this role here.") % {"name": user}


class ResourceNew(SiteForm):
    form_class = forms.ResourceNewForm
    permission = "datacenters.manage_site"
    title = gettext_lazy("New resource")

    def form_options(self) -> dict[str, Any]:
        return {"site": self.site}

    def act(self, form: Any) -> Resource:
        return services.resource_create(actor=self.actor, site=self.site, **form.cleaned_data)


class ResourceForm(SiteForm):
    """A form about the resource of the address."""

    permission = "datacenters.manage_site"

    def find_site(self) -> Site:
        return self.resource.site

    def prepare(self) -> None:
        self.resource = get_object_or_404(
            selectors.resources_visible_to(self.actor), code=self.kwargs["code"]
        )
        super().prepare()
        self.object = self.resource


class ResourceEdit(ResourceForm):
    form_class = forms.ResourceForm
    title = gettext_lazy("Change the resource")

    def form_options(self) -> dict[str, Any]:
        return {"site": self.site}

    def get_initial(self) -> dict[str, Any]:
        return self.kept(self.resource)

    def act(self, form: Any) -> Resource:
        return services.resource_update(actor=self.actor, resource=self.resource, **form.cleaned_data)


class CapacitySet(ResourceForm):
    form_class = forms.CapacityForm
    title = gettext_lazy("Set the capacity")

    def get_initial(self) -> dict[str, Any]:
        return {"quarter": self.request.GET.get("quarter", "")}

    def act(self, form: Any) -> Resource:
        services.capacity_set(
            actor=self.actor,
            resource=self.resource,
            quarter=form.cleaned_data["quarter"],
            gpu_seconds=hours_to_seconds(form.cleaned_data["gpu_hours"]),
            reserve_percent=form.cleaned_data["reserve_percent"],
            reason=form.cleaned_data["reason"],
        )
        return self.resource
