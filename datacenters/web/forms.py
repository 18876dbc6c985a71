"""What people type about sites. Fields come from the models; the rules stand in the services."""

from typing import Any

from django import forms
from django.forms.models import fields_for_model
from django.utils.translation import gettext_lazy as _

from datacenters.filtersets import NEEDS_ACCREDITATION
from datacenters.models import Cluster, Resource, Site, SiteRole
from datacenters.services.clusters import CLUSTER_FIELDS, key_names
from datacenters.services.resources import RESOURCE_FIELDS
from datacenters.services.sites import SITE_FIELDS
from portal.foundation import clock
from portal.foundation.clock import Quarter

# What only Slurm needs: not asked for where a site has none.
OF_SLURM = ("gres_type", "partition")

QUARTERS_AHEAD = 8


def form_of(model: Any, fields: tuple[str, ...]) -> type[forms.Form]:
    """A form with the model's own fields; what the model refuses beyond them, the service tells."""
    return type(f"{model.__name__}Form", (forms.Form,), fields_for_model(model, fields=fields))


SiteNewForm = form_of(Site, SITE_FIELDS)


class SiteForm(form_of(Site, SITE_FIELDS[1:])):  # type: ignore[misc]
    def __init__(self, *args: Any, may_change_kind: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_change_kind:
            del self.fields["kind"]


class ClusterNewForm(form_of(Cluster, CLUSTER_FIELDS)):  # type: ignore[misc]
    """The REST version isn't asked for: the bridge finds it. The key is named, never uploaded."""

    field_order = ["code", "slurm_name", "url", "signer", "signer_path", "operator_login"]
    signer = forms.ChoiceField(
        label=_("Signing key"),
        required=False,
        help_text=_(
            "Its file name in the portal's key folder, where the operators put it: keys never go through "
            "the browser."
        ),
    )
    signer_path = forms.CharField(
        label=_("Or the key's absolute path"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Where it lies elsewhere on the portal's machines."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = key_names()
        self.fields["signer"].choices = [("", _("Choose a key")), *((name, name) for name in names)]
        if not names:
            self.fields["signer"].help_text = _(
                "The portal's key folder is empty. Have the operators put the cluster's key there."
            )
        known = str(self.initial.get("signer", ""))
        if known not in names:
            self.initial |= {"signer": "", "signer_path": known}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        name, path = data.get("signer", ""), data.pop("signer_path", "")
        if bool(name) == bool(path) and "signer" not in self.errors:
            self.add_error("signer", _("Choose a key, or give its absolute path: one of the two."))
        data["signer"] = name or path
        return data


class ClusterForm(ClusterNewForm):
    code = None  # it never changes


class ResourceNewForm(form_of(Resource, RESOURCE_FIELDS)):  # type: ignore[misc]
    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in OF_SLURM:
            if site.is_unbridged:
                del self.fields[name]
            else:
                self.fields[name].required = True


class ResourceForm(ResourceNewForm):
    code = None


def reason_field(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=help_text,
    )


def date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def coming_quarters() -> list[Quarter]:
    """This quarter and those for which capacity may be set."""
    quarters = [Quarter.of(clock.today())]
    while len(quarters) < QUARTERS_AHEAD:
        quarters.append(quarters[-1].next)
    return quarters


class CapacityForm(forms.Form):
    quarter = forms.TypedChoiceField(
        label=_("Quarter"),
        choices=lambda: [(str(quarter), str(quarter)) for quarter in coming_quarters()],
        coerce=Quarter.parse,
    )
    gpu_hours = forms.DecimalField(
        label=_("GPU-hours"),
        min_value=0,
        max_digits=14,
        decimal_places=2,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("What the programme gets in this quarter, all projects together; outages are taken off."),
    )
    reserve_percent = forms.IntegerField(
        label=_("Reserve (percent)"),
        min_value=0,
        max_value=90,
        required=False,
        help_text=_("Kept back for what can't be foreseen. Empty: as it is."),
    )
    reason = reason_field(_("Kept in the audit."))


class AccreditationForm(forms.Form):
    data_class = forms.ChoiceField(
        label=_("Data class"),
        choices=[(name, name.label) for name in NEEDS_ACCREDITATION],
        help_text=_("Open and public data need none; secret data is refused at every site."),
    )
    expires_on = forms.DateField(
        label=_("Valid until"), widget=date_input(), help_text=_("The last day on which it holds.")
    )
    reference = forms.CharField(
        label=_("Reference"),
        max_length=120,
        required=False,
        help_text=_("Number of the certificate or letter."),
    )


class WithdrawForm(forms.Form):
    reason = reason_field(
        _("Kept in the audit. New requests and jobs with such data are refused from now on.")
    )


class SiteRoleForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), help_text=_("The address with which the person signs in.")
    )
    role = forms.ChoiceField(label=_("Role"), choices=SiteRole.Role.choices)
