"""What is typed into a request, step by step. The rules stand in the services.

A draft may lack anything, so no field must be filled in to be kept; what is needed to submit is still shown
without “(optional)”.
"""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import coming_quarters
from allocations.awards.models import Allocation
from allocations.programme import choices
from allocations.programme.models import AllocationRequest, Call, Track
from allocations.programme.selectors import projects_led_by
from allocations.programme.services.writing import MOST_LINES, MOST_RUNS, Line, Run
from allocations.programme.web.fields import CountField, DayField, GpuHoursField, WhereField, text_area
from allocations.programme.web.rows import RowForm, Rows
from allocations.projects.models import Project
from allocations.projects.web.forms import ProjectNewForm
from datacenters.models import Resource
from datacenters.selectors import open_resources
from portal.foundation.units import hours_to_seconds
from portal.people.selectors import has_consented

format_html_lazy = lazy(format_html, str)

Risk = AllocationRequest.Risk
RISK_HELP = _(
    "High: decisions about people (work, credit, benefits, justice, health), biometrics, children, "
    "elections, or data about persons. Limited: chatbots, generated text and pictures. Minimal: all else. "
    "What is of high risk is looked at by the ethics step as well."
)


class DraftForm(forms.Form):
    """Keeps whatever can be kept; nothing but `needed` must be there."""

    use_required_attribute = False
    needed: tuple[str, ...] = ()

    def __init__(
        self, *args: Any, user: Any, request: AllocationRequest | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.request = user, request

    def full_clean(self) -> None:
        awaited = [self.fields[name] for name in self.fields if name not in self.needed]
        required = [field.required for field in awaited]
        for field in awaited:
            field.required = False
        super().full_clean()
        for field, was in zip(awaited, required, strict=True):
            field.required = was

    def changes(self) -> dict[str, Any]:
        """What can be kept of what was typed, as the services take it."""
        return dict(self.cleaned_data)


class PurposeForm(DraftForm):
    """Step 1: for which project, what for, and by which way."""

    needed = ("project",)
    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a project"),
        help_text=_("Those that you lead or manage."),
    )
    wanted_track = forms.ModelChoiceField(
        label=_("Track"),
        queryset=Track.objects.none(),
        to_field_name="code",
        empty_label=_("By its size"),
        required=False,
        help_text=_("Choose one only for what has a track of its own."),
    )
    call = forms.ModelChoiceField(
        label=_("Call"),
        queryset=Call.objects.none(),
        to_field_name="code",
        empty_label=_("None"),
        required=False,
        help_text=_("Calls that take requests now."),
    )
    renews = forms.ModelChoiceField(
        label=_("Renewal of"),
        queryset=Allocation.objects.none(),
        to_field_name="code",
        empty_label=_("None: a new request"),
        required=False,
    )
    justification = forms.CharField(
        label=_("Justification"),
        max_length=8000,
        widget=text_area(8),
        help_text=_("What you will run, how the GPU-hours come about, and what comes of it."),
    )
    public_abstract = forms.CharField(
        label=_("Public abstract"),
        max_length=2000,
        widget=text_area(4),
        required=False,
        help_text=_("Published in the register of awards. Empty: the project's own abstract is."),
    )
    abstract_withheld = forms.BooleanField(label=_("Keep the abstract out of the register"), required=False)
    withheld_reason = forms.CharField(
        label=_("Why it is kept out"),
        max_length=300,
        required=False,
        help_text=_("For example a patent that is applied for. The reason is published."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = projects_led_by(self.user)
        if self.request is not None:
            # What was chosen stays choosable, though it may have closed since; submitting then says so.
            projects = projects | Project.objects.filter(pk=self.request.project_id)
        self._offer("project", projects)
        self._offer("wanted_track", choices.tracks_to_choose())
        self._offer("call", choices.open_calls(self.request))
        self._offer("renews", choices.renewable_by(self.user))

    def _offer(self, name: str, rows: QuerySet[Any]) -> None:
        field: Any = self.fields[name]
        field.queryset = rows

    def changes(self) -> dict[str, Any]:
        found = super().changes()
        if found.get("project") is None:
            found.pop("project", None)
        return found


class LineForm(RowForm):
    """One line: where, how much, and if need be when."""

    gpu_hours = GpuHoursField(required=False)

    def __init__(self, *args: Any, resources: list[Resource], quarters: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quarters = quarters
        self.fields["where"] = WhereField(resources=resources, required=False)
        for quarter in quarters:
            self.fields[f"in_{quarter}"] = GpuHoursField(label=quarter, required=False, min_value=Decimal(0))
        self.order_fields(["where", "gpu_hours"])

    @property
    def by_quarter(self) -> list[Any]:
        """The fields of the quarters."""
        return [self[f"in_{quarter}"] for quarter in self.quarters]

    @property
    def is_spread(self) -> bool:
        return any(field.value() or field.errors for field in self.by_quarter)

    def line(self) -> Line:
        data = self.cleaned_data
        resource, any_suitable = data.get("where") or (None, False)
        amounts = {quarter: data.get(f"in_{quarter}") for quarter in self.quarters}
        return Line(
            resource=resource,
            any_suitable=any_suitable,
            gpu_seconds=hours_to_seconds(data["gpu_hours"]) if data.get("gpu_hours") else None,
            by_quarter={quarter: hours_to_seconds(amount) for quarter, amount in amounts.items() if amount},
        )


class RunForm(RowForm):
    """One row of the run table."""

    model = forms.CharField(label=_("Model or experiment"), max_length=160)
    gpus = CountField(label=_("GPUs"))
    hours = GpuHoursField(label=_("Hours a run"))
    runs = CountField(label=_("Runs"), required=False)
    basis = forms.CharField(label=_("How you know"), max_length=300, required=False)

    def run(self) -> Run:
        data = self.cleaned_data
        return Run(
            model=data["model"],
            gpus=data["gpus"],
            hours=data["hours"],
            runs=data["runs"] or 1,
            basis=data["basis"],
        )


class AmountsForm(DraftForm):
    """Step 2: how much, where and when, and how it comes about."""

    starts_on = DayField(label=_("From"))
    ends_on = DayField(label=_("Until"), help_text=_("The last day, at most a year on."))
    prior_usage = forms.CharField(
        label=_("Use of earlier GPU-hours"),
        max_length=4000,
        required=False,
        widget=text_area(4),
        help_text=_("What the portal knows is filled in; add what came of it."),
    )

    def __init__(
        self,
        *args: Any,
        lines: list[dict[str, Any]],
        runs: list[dict[str, Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        data = self.data if self.is_bound else None
        options = {
            "resources": self._resources(),
            "quarters": [str(quarter) for quarter in coming_quarters()],
        }
        self.lines = Rows(LineForm, "lines", data=data, initial=lines, most=MOST_LINES, **options)
        self.runs = Rows(RunForm, "runs", data=data, initial=runs, most=MOST_RUNS)

    def _resources(self) -> list[Resource]:
        """The open ones; what was chosen stays choosable, though it may have closed since."""
        resources = open_resources()
        if self.request is not None:
            chosen = self.request.lines.values("resource")
            resources = resources | Resource.objects.select_related("site").filter(pk__in=chosen)
        return list(resources)

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.lines.is_valid(), self.runs.is_valid()])

    def changes(self) -> dict[str, Any]:
        """Rows are kept together, or not at all: a half-typed one mustn't lose its neighbours."""
        found = super().changes()
        if self.lines.is_valid():
            found["lines"] = [row.line() for row in self.lines.counting]
        if self.runs.is_valid():
            found["runs"] = [row.run() for row in self.runs.counting]
        return found


class RunningForm(DraftForm):
    """Step 3: how it runs."""

    checkpointing = forms.ChoiceField(
        label=_("Checkpointing"),
        choices=AllocationRequest.Checkpointing.choices,
        widget=forms.RadioSelect,
        required=False,
        help_text=_("Runs that can be interrupted find a place sooner."),
    )
    deadline_on = DayField(label=_("Needed until"), required=False)
    deadline_note = forms.CharField(
        label=_("What the deadline is"),
        max_length=300,
        required=False,
        help_text=_("For example a conference, a season, a tender."),
    )
    flexible = forms.BooleanField(label=_("It may come later or elsewhere"), required=False)


class PapersForm(DraftForm):
    """Step 4: what is declared."""

    ai_risk = forms.ChoiceField(
        label=_("Risk of what is built"), choices=Risk.choices, widget=forms.RadioSelect, help_text=RISK_HELP
    )
    ai_risk_note = forms.CharField(
        label=_("How the risk is met"),
        max_length=4000,
        required=False,
        widget=text_area(3),
        help_text=_(
            "Who checks results, who may object, how data about persons is kept. Needed for high risk."
        ),
    )
    file = forms.FileField(
        label=_("Attach a PDF"),
        required=False,
        help_text=_("At most 10 MB."),
        widget=forms.FileInput(attrs={"accept": ".pdf,application/pdf"}),
    )
    title = forms.CharField(
        label=_("Its title"), max_length=160, required=False, help_text=_("Empty: the file's name.")
    )
    anonymous = forms.BooleanField(label=_("It names nobody: blind reviewers may read it"), required=False)

    def changes(self) -> dict[str, Any]:
        """The declarations; what is attached goes its own way."""
        return {name: value for name, value in super().changes().items() if name.startswith("ai_risk")}


class QuickForm(forms.Form):
    """The short case: what the smallest track needs and no more.

    Who leads no project yet begins one along with it: then its fields take the place of `project`.
    """

    use_required_attribute = False

    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a project"),
    )
    gpu_hours = GpuHoursField(help_text=_("One GPU for one hour is 1."))
    ends_on = DayField(label=_("Until"), help_text=_("From today on."))
    justification = forms.CharField(
        label=_("Purpose in one sentence"), max_length=300, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    ai_risk = forms.ChoiceField(
        label=_("Risk of what is built"),
        choices=[("", _("Choose")), *Risk.choices],
        help_text=RISK_HELP,
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        led = projects_led_by(user)
        # Sent again, when the answer was lost, it still is about the project that it began.
        begins = "organisation" in self.data or not led.exists()
        new = ProjectNewForm(user=user).fields if begins else {}
        self.of_new_project = list(new)
        if new:
            del self.fields["project"]
            self.fields |= new
        else:
            field: Any = self.fields["project"]
            field.queryset = led
        self.fields["resource"] = WhereField(resources=list(open_resources()))
        if not has_consented(user):
            self.fields["consent"] = ConsentField()
        own = ["resource", "gpu_hours", "ends_on", "justification", "ai_risk"]
        self.order_fields(["project", *self.of_new_project, *own])

    def names_project(self) -> bool:
        """Whether it is known for which project it is: of a new one, all that is asked."""
        return all(self.cleaned_data.get(name) for name in self.of_new_project or ["project"])


class ConsentField(forms.BooleanField):
    """Acceptable use, in the version that is in force."""

    def __init__(self) -> None:
        label = format_html_lazy(
            '{} <a href="{}">{}</a>', _("I accept the"), reverse_lazy("terms"), _("terms of acceptable use")
        )
        super().__init__(label=label)


class SubmitForm(forms.Form):
    """Nothing but the consent, where the version in force hasn't had it yet."""

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_consented(user):
            self.fields["consent"] = ConsentField()
