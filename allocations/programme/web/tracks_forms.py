"""What is typed to change a track, to open or close it, and to make a rubric."""

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import Rubric, TrackStep, TrackVersion
from allocations.programme.services.tracks import RULES, STEP
from allocations.programme.web.fields import CountField, GpuHoursField, text_area, urdu_line
from allocations.programme.web.rows import RowForm, Rows
from portal.foundation.units import hours_to_seconds, seconds_to_hours
from portal.people.models import Organisation, ProgrammeRole

MOST_STEPS = 6
MOST_CRITERIA = 10
IN_HOURS = {"max_gpu_hours": "max_gpu_seconds", "rule_gpu_hours": "rule_gpu_seconds"}
ROLES = [(TrackStep.SITE, _("Site manager")), *ProgrammeRole.Role.choices]


class StepForm(forms.Form):
    """One step; without a kind there is none here."""

    use_required_attribute = False

    kind = forms.ChoiceField(
        label=_("Step"), choices=[("", _("No step")), *TrackStep.Kind.choices], required=False
    )
    by = forms.ChoiceField(label=_("Done"), choices=TrackStep.By.choices, initial=TrackStep.By.PERSON)
    roles = forms.MultipleChoiceField(
        label=_("By whom"), choices=ROLES, widget=forms.CheckboxSelectMultiple, required=False
    )
    persons = CountField(label=_("Persons"), initial=1)
    working_days = CountField(label=_("Working days"), initial=1)
    silence_consents = forms.BooleanField(label=_("Silence consents"), required=False)


class TrackForm(forms.Form):
    """All rules of a version, and its steps in order."""

    use_required_attribute = False

    number = forms.IntegerField(widget=forms.HiddenInput)
    max_gpu_hours = GpuHoursField(label=_("Most GPU-hours"), required=False, help_text=_("Empty: no bound."))
    max_gpus = CountField(label=_("Most GPUs at once"), required=False, help_text=_("Empty: no bound."))
    organisation_kinds = forms.MultipleChoiceField(
        label=_("For classes of organisations"),
        choices=Organisation.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("None: for all."),
    )
    by_choice = forms.BooleanField(
        label=_("Only when chosen"), required=False, help_text=_("Else a request finds it by its size.")
    )
    needs_call = forms.BooleanField(label=_("Only within an open call"), required=False)
    rule_gpu_hours = GpuHoursField(
        label=_("Most by rule to one organisation in a quarter"),
        required=False,
        help_text=_("Counts where a rule decides. Empty: no bound."),
    )
    target_minutes = CountField(label=_("Target in minutes"), required=False)
    target_days = CountField(label=_("Target in working days"), required=False)
    blind = forms.ChoiceField(label=_("Reviews"), choices=TrackVersion.Blind.choices)
    rubric = forms.ModelChoiceField(
        label=_("Rubric"), queryset=Rubric.objects.none(), to_field_name="code", required=False
    )
    appeal_days = forms.IntegerField(label=_("Days to appeal"), min_value=0, max_value=365)
    first_instalment_percent = forms.IntegerField(
        label=_("First instalment (%)"),
        min_value=1,
        max_value=100,
        help_text=_("The rest comes with an accepted progress report."),
    )
    progress_every_days = CountField(label=_("Progress report every … days"), required=False)
    final_report = forms.BooleanField(label=_("Final report"), required=False)
    note = forms.CharField(
        label=_("Why it changes"), max_length=2000, widget=text_area(3), help_text=_("It is kept and shown.")
    )

    def __init__(self, *args: Any, version: TrackVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rubric: Any = self.fields["rubric"]
        rubric.queryset = Rubric.objects.all()
        given = [{name: getattr(step, name) for name in STEP} for step in version.steps.all()]
        rows = given + [{}] * (MOST_STEPS - len(given))
        data = self.data if self.is_bound else None
        self.steps = [
            StepForm(data, prefix=f"step-{place}", initial=row) for place, row in enumerate(rows, start=1)
        ]

    def clean(self) -> dict[str, Any]:
        """A step that can't be read makes the form wrong; its own fields say what is amiss."""
        for place, step in enumerate(self.steps, start=1):
            if not step.is_valid() and step["kind"].value():
                self.add_error(None, _("Look at step %(place)s below.") % {"place": place})
        return self.cleaned_data

    @cached_property
    def rules(self) -> dict[str, Any]:
        """As the service takes them: GPU-seconds."""
        data = self.cleaned_data
        found = {name: data[name] for name in RULES if name in data}
        for typed, kept in IN_HOURS.items():
            found[kept] = None if data[typed] is None else hours_to_seconds(data[typed])
        return found

    @property
    def typed_steps(self) -> list[dict[str, Any]]:
        return [step.cleaned_data for step in self.steps if step.is_valid() and step.cleaned_data["kind"]]


def initial_of(version: TrackVersion) -> dict[str, Any]:
    """A version as the form shows it."""
    found = version.snapshot(*RULES) | {"number": version.number}
    found["rubric"] = version.rubric.code if version.rubric else ""
    for typed, kept in IN_HOURS.items():
        amount = found.pop(kept)
        found[typed] = None if amount is None else f"{seconds_to_hours(amount).normalize():f}"
    return found


class TrackOpenForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=2000, widget=text_area(3))


class CriterionForm(RowForm):
    """One criterion of a rubric."""

    code = forms.SlugField(label=_("Code"), max_length=40)
    weight = CountField(label=_("Weight"))
    name_en = forms.CharField(label=_("Name (English)"), max_length=120)
    name_ur = forms.CharField(label=_("Name (Urdu)"), max_length=120, required=False, widget=urdu_line())
    help_en = forms.CharField(label=_("Help (English)"), max_length=300, required=False)
    help_ur = forms.CharField(label=_("Help (Urdu)"), max_length=300, required=False, widget=urdu_line())


class RubricForm(forms.Form):
    use_required_attribute = False
    name_en = forms.CharField(label=_("Name (English)"), max_length=120)
    name_ur = forms.CharField(label=_("Name (Urdu)"), max_length=120, required=False, widget=urdu_line())

    def __init__(self, *args: Any, criteria: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        data = self.data if self.is_bound else None
        self.criteria = Rows(CriterionForm, "criteria", data=data, initial=criteria, most=MOST_CRITERIA)

    def clean(self) -> dict[str, Any]:
        if not self.criteria.is_valid():
            self.add_error(None, _("Look at the criteria below."))
        return self.cleaned_data

    @property
    def typed(self) -> list[dict[str, Any]]:
        rows = [dict(row.cleaned_data) for row in self.criteria.counting]
        for row in rows:
            row.pop("remove", None)
        return rows
