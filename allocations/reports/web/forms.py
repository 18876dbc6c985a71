"""The choices of the report page. What they mean, and what is refused, is `question.read`'s affair."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.reports.dimensions import DIMENSIONS
from allocations.reports.periods import PERIODS
from datacenters.models import Resource
from portal.people.models import Programme

CUSTOM = "custom"
DATE = forms.DateInput(attrs={"type": "date"})


class QuestionForm(forms.Form):
    period = forms.ChoiceField(label=_("Period"))
    from_ = forms.DateField(label=_("From"), widget=DATE)
    to = forms.DateField(label=_("To"), widget=DATE)
    group_by = forms.ChoiceField(label=_("Group by"))
    then_by = forms.ChoiceField(label=_("Then by"))
    site = forms.ChoiceField(label=_("Site"))
    resource = forms.ChoiceField(label=_("Resource"))
    organisation = forms.CharField(label=_("Organisation code"))
    project = forms.CharField(label=_("Project code"))
    programme = forms.ChoiceField(label=_("Programme"))
    person = forms.BooleanField(label=_("Only what I ran"), widget=forms.CheckboxInput(attrs={"value": "me"}))
    days = forms.CharField(widget=forms.HiddenInput)  # as the form shows them at first

    use_required_attribute = False

    def __init__(
        self, *args: Any, resources: Iterable[Resource], programmes: Iterable[Programme], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        resources = list(resources)
        sites = {resource.site.code: resource.site.name for resource in resources}
        groups = [(key, dimension.label) for key, dimension in DIMENSIONS.items()]
        choices: dict[str, list[tuple[str, Any]]] = {
            "period": [*((key, period.label) for key, period in PERIODS.items()), (CUSTOM, _("As given"))],
            "group_by": groups,
            "then_by": [("", _("Nothing more")), *groups],
            "site": [("", _("Any")), *sites.items()],
            "resource": [("", _("Any")), *((resource.code, resource.name) for resource in resources)],
            "programme": [("", _("Any")), *((programme.code, str(programme)) for programme in programmes)],
        }
        fields: dict[str, Any] = self.fields
        for name, values in choices.items():
            fields[name].choices = values

    def add_prefix(self, field_name: str) -> str:
        """`from` is a word of Python's: only its parameter is named so."""
        return super().add_prefix(field_name).rstrip("_")
