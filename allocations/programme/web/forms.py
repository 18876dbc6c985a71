"""What people type into requests and decisions. The rules stand in the services."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Decision
from allocations.programme.selectors import projects_led_by
from allocations.projects.models import Project
from datacenters.models import Resource
from datacenters.selectors import open_resources

# Grouping and decimal signs of either language; Decimal itself reads all digits.
SEPARATORS = str.maketrans({",": "", "٬": "", "،": "", "٫": ".", "\u00a0": "", " ": ""})


class GpuHoursField(forms.DecimalField):
    """GPU-hours, whole or with up to two decimals, in Western or Urdu digits."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("GPU-hours"))
        super().__init__(max_digits=11, decimal_places=2, min_value=Decimal("0.01"), **options)

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.translate(SEPARATORS) if isinstance(value, str) else value)


class RequestForm(forms.Form):
    """A request. To keep it as a draft only the project must be there."""

    use_required_attribute = False  # The browser can't know which button will be pressed.

    project = forms.ModelChoiceField(
        label=_("Project"),
        queryset=Project.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a project"),
        help_text=_("Those that you lead or manage."),
    )
    resource = forms.ModelChoiceField(
        label=_("Resource"),
        queryset=Resource.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a resource"),
        help_text=_("What is free of each is listed below the form."),
    )
    gpu_hours = GpuHoursField(
        help_text=_("GPUs × hours × runs, with up to two decimals. One GPU for one hour is 1."),
    )
    starts_on = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ends_on = forms.DateField(
        label=_("Until"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("The last day, at most a year on."),
    )
    justification = forms.CharField(
        label=_("Justification"),
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        help_text=_("What you will run, how the GPU-hours come about, and what comes of it."),
    )

    def __init__(
        self,
        *args: Any,
        user: Any,
        request: AllocationRequest | None = None,
        draft: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        projects, resources = projects_led_by(user), open_resources()
        if request is not None:
            # What was chosen stays choosable, though it may have closed since; submitting then says so.
            projects = projects | Project.objects.filter(pk=request.project_id)
            chosen = request.lines.all().values("resource")
            resources = resources | Resource.objects.select_related("site").filter(pk__in=chosen)
        fields: dict[str, Any] = self.fields
        fields["project"].queryset = projects
        fields["resource"].queryset = resources
        fields["resource"].label_from_instance = _site_and_name
        if draft:
            for name in fields.keys() - {"project"}:
                fields[name].required = False


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class DecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (Decision.Outcome.APPROVED, _("Approve, in full or in part")),
            (Decision.Outcome.RETURNED, _("Return with a question")),
            (Decision.Outcome.DECLINED, _("Decline")),
        ],
        widget=forms.RadioSelect,
    )
    gpu_hours = GpuHoursField(
        label=_("Approved GPU-hours"),
        required=False,
        help_text=_("At most what was asked for. Only for an approval."),
    )
    reason = forms.CharField(
        label=_("Reason or question"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
        help_text=_("The requester reads it. It may stay empty only for an approval in full."),
    )
    override = forms.BooleanField(
        label=_("Go beyond what is free of the resource"),
        required=False,
        help_text=_("Recorded with your name and the reason below."),
    )
    override_reason = forms.CharField(
        label=_("Why beyond what is free"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )


def _site_and_name(resource: Resource) -> str:
    return f"{resource.site} · {resource.name}"
