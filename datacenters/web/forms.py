"""What people type about sites. Fields come from the models; the rules stand in the services."""

from typing import Any

from django import forms
from django.forms.models import fields_for_model
from django.utils.translation import gettext_lazy as _

from datacenters.filtersets import NEEDS_ACCREDITATION
from datacenters.models import Cluster, Resource, Site, SiteRole
from datacenters.services.clusters import CLUSTER_FIELDS
from datacenters.services.resources import RESOURCE_FIELDS
from datacenters.services.sites import SITE_FIELDS
from portal.foundation import clock
from portal.foundation.clock import Quarter

QUARTERS_AHEAD = 8


def form_of(model: Any, fields: tuple[str, ...]) -> type[forms.Form]:
    """A form with the model's own fields; what the model refuses beyond them, the service tells."""
    return type(f"{model.__name__}Form", (forms.Form,), fields_for_model(model, fields=fields))


SiteNewForm = form_of(Site, SITE_FIELDS)
SiteForm = form_of(Site, SITE_FIELDS[1:])
ClusterNewForm = form_of(Cluster, CLUSTER_FIELDS)
ClusterForm = form_of(Cluster, CLUSTER_FIELDS[1:])
ResourceNewForm = form_of(Resource, RESOURCE_FIELDS)
ResourceForm = form_of(Resource, RESOURCE_FIELDS[1:])


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
        help_text=_("What the programme may award in this quarter, all projects together."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("Kept in the audit."),
    )


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
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("Kept in the audit. New requests and jobs with such data are refused from now on."),
    )


class SiteRoleForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"), help_text=_("The address with which the person signs in.")
    )
    role = forms.ChoiceField(label=_("Role"), choices=SiteRole.Role.choices)
