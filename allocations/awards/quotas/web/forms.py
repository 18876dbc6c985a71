"""What people type about quotas and programmes. The rules stand in the services."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from allocations.awards.quotas import groups
from allocations.awards.quotas.models import Quota
from allocations.projects.selectors import sectors
from datacenters.models import Resource
from datacenters.web.forms import coming_quarters, date_input, reason_field
from portal.foundation.text import fold_line
from portal.foundation.units import hours_to_seconds
from portal.people.models import Organisation, Programme

# Of several organisations that fit, so many are listed.
SHOWN = 8
ENFORCEMENT = [
    ("", _("As usual: caps are enforced, floors only reported")),
    ("yes", _("Enforced: awards that would break it are refused")),
    ("no", _("Only reported")),
]


def quarter_field(label: Any, *, required: bool, help_text: Any = "") -> forms.ChoiceField:
    def choices() -> list[tuple[str, str]]:
        quarters = [(str(quarter), str(quarter)) for quarter in coming_quarters()]
        return quarters if required else [("", str(_("No end"))), *quarters]

    return forms.ChoiceField(label=label, choices=choices, required=required, help_text=help_text)


class AmountForm(forms.Form):
    """How much, from when until when, and whether awards are refused: what may change of a quota."""

    percent = forms.DecimalField(
        label=_("Percent of the capacity"),
        min_value=0,
        max_value=100,
        decimal_places=2,
        max_digits=5,
        required=False,
        help_text=_("Of what may be awarded in each quarter. Give this or GPU-hours."),
    )
    gpu_hours = forms.DecimalField(
        label=_("GPU-hours per quarter"),
        min_value=0,
        max_digits=14,
        decimal_places=2,
        required=False,
        help_text=_("The same in every quarter."),
    )
    from_quarter = quarter_field(_("From quarter"), required=True)
    until_quarter = quarter_field(_("Until quarter"), required=False, help_text=_("Included."))
    enforced = forms.ChoiceField(label=_("Effect"), choices=ENFORCEMENT, required=False)
    reason = reason_field(_("Everybody reads it, in the quota's history."))

    def amounts(self) -> dict[str, Any]:
        """As the services take them."""
        data = dict(self.cleaned_data)
        gpu_hours = data.pop("gpu_hours")
        data["gpu_seconds"] = None if gpu_hours is None else hours_to_seconds(gpu_hours)
        data["enforced"] = {"yes": True, "no": False}.get(data["enforced"])
        return data


class QuotaForm(AmountForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=Quota.Kind.choices)
    value = forms.ChoiceField(label=_("Group"))
    resource = forms.ModelChoiceField(
        label=_("Resource"), queryset=Resource.objects.none(), to_field_name="code", required=False
    )
    field_order = ["kind", "value", "resource", "percent", "gpu_hours"]

    def __init__(self, *args: Any, resources: Any, all_together: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["value"].choices = [("", _("Choose a group")), *groups.choices()]  # type: ignore[attr-defined]
        field: Any = self.fields["resource"]
        field.queryset = resources
        field.required = not all_together
        field.empty_label = _("All resources together") if all_together else _("Choose a resource")

    def amounts(self) -> dict[str, Any]:
        data = super().amounts()
        dimension, _colon, value = data["value"].partition(":")
        return data | {"dimension": dimension, "value": value}


class ReasonForm(forms.Form):
    reason = reason_field(_("Kept in the audit."))


class ProgrammeForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=Programme.Kind.choices)
    name_en = forms.CharField(label=_("Name (English)"), max_length=120)
    name_ur = forms.CharField(
        label=_("Name (Urdu)"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"dir": "rtl", "lang": "ur"}),
    )
    sector = forms.ModelChoiceField(
        label=_("Sector"),
        queryset=sectors(),
        to_field_name="code",
        required=False,
        empty_label=_("No single sector"),
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
        help_text=_("Where the facts about it come from."),
    )
    coordinators = forms.CharField(
        label=_("Coordinators"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "ltr", "spellcheck": "false"}),
        help_text=_("Addresses with which they sign in, one on each line. They endorse and withdraw."),
    )
    illustrative = forms.BooleanField(label=_("Illustrative"), required=False)

    def values(self) -> dict[str, Any]:
        """As the services take them, people still by address."""
        data = dict(self.cleaned_data)
        data["sector"] = data["sector"].code if data["sector"] else ""
        data["coordinators"] = data["coordinators"].replace(",", " ").split()
        return data


class EndorseForm(forms.Form):
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=date_input(),
        help_text=_("The last day on which it counts. Empty: until it is withdrawn."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )


class EndorseOrganisationForm(EndorseForm):
    organisation = forms.CharField(
        label=_("Organisation"),
        max_length=200,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text=_("Its code, or a part of its name. All its projects count for the programme."),
    )
    field_order = ["organisation", "until", "reason"]

    def __init__(self, *args: Any, organisations: QuerySet[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisations = organisations

    def clean_organisation(self) -> Organisation:
        """The one that may be endorsed and is named so; where several fit, they are listed to choose from."""
        text = fold_line(self.cleaned_data["organisation"])
        named = self.organisations.filter(Q(code=text) | Q(name__iexact=text))
        found = (
            named[:2] if len(named[:2]) == 1 else self.organisations.filter(name__icontains=text)[: SHOWN + 1]
        )
        if not found:
            raise forms.ValidationError(
                _(
                    "None fits. It must be verified, not be your own or endorsed already, and have a project "
                    "in the programme's sector, where it has one."
                )
            )
        if len(found) > 1:
            names = "; ".join(f"{each} ({each.code})" for each in found[:SHOWN])
            raise forms.ValidationError(
                _("Several fit. Write the code of the one that you mean: %(names)s"), params={"names": names}
            )
        return found[0]


class EndorseProjectForm(EndorseForm):
    project = forms.CharField(
        label=_("Project code"),
        max_length=24,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Such as prj-7f3k9q2m1x: its members find it on the project's page."),
    )
    field_order = ["project", "until", "reason"]
