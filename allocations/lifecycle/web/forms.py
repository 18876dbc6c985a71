"""What people type about changes, reports and appeals. The rules stand in the services."""

from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED
from allocations.lifecycle.models import AppealDecision, ChangeDecision, ReportAnswer
from allocations.programme.web.fields import GpuHoursField
from portal.foundation import clock


def prose(label: Any, *, rows: int = 4, most: int = 4000, **options: Any) -> forms.CharField:
    """Several lines of text in either language."""
    return forms.CharField(
        label=label, max_length=most, widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}), **options
    )


def day(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options
    )


class MoreForm(forms.Form):
    gpu_hours = GpuHoursField(help_text=_("How many GPU-hours more you need until the last day."))
    reason = prose(_("Reason"), help_text=_("What they are for. Whoever decides reads it."))


class LongerForm(forms.Form):
    ends_on = day(_("New last day"), help_text=_("What is left can be used until then."))
    gpu_hours = GpuHoursField(
        label=_("With further GPU-hours"),
        required=False,
        help_text=_("Leave it empty for dates only. With an amount it is a renewal: a new request."),
    )
    reason = prose(_("Reason"), help_text=_("Why the time didn't suffice. Whoever decides reads it."))


class MoveForm(forms.Form):
    target = forms.ModelChoiceField(
        label=_("To"),
        queryset=Allocation.objects.none(),
        to_field_name="code",
        empty_label=_("Choose an allocation"),
        help_text=_(
            "Another allocation of this project. One GPU-hour here is one GPU-hour there. People decide "
            "about a later last day, or another resource."
        ),
    )
    gpu_hours = GpuHoursField(help_text=_("At most what is available here."))
    reason = prose(_("Reason"))
    field_order = ["target", "gpu_hours", "reason"]

    def __init__(self, *args: Any, allocation: Allocation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Allocation.objects.filter(project=allocation.project_id, ends_on__gte=clock.today())
        target: Any = self.fields["target"]
        target.queryset = (
            others.exclude(pk=allocation.pk).exclude(state__in=ENDED).select_related("resource__site")
        )
        target.label_from_instance = _lasting


def _lasting(allocation: Allocation) -> str:
    """The allocation with its last day: whether it lasts longer decides who decides."""
    day = date_format(allocation.ends_on, "j M Y")
    return gettext("%(allocation)s, until %(day)s") % {"allocation": allocation, "day": day}


class GiveBackForm(forms.Form):
    gpu_hours = GpuHoursField(help_text=_("At most what is available. Others can have them at once."))
    reason = prose(_("Reason"), rows=2)


class ChangeDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (ChangeDecision.Outcome.APPROVED, _("Approve")),
            (ChangeDecision.Outcome.DECLINED, _("Decline")),
        ],
        widget=forms.RadioSelect,
    )
    reason = prose(_("Reason"), required=False, help_text=_("The project reads it. A decline needs one."))


class ReportForm(forms.Form):
    """A report. To keep a draft nothing need be there; handing it in needs results."""

    use_required_attribute = False

    results = prose(
        _("Results"), rows=8, most=8000, required=False, help_text=_("What came of the GPU-hours so far.")
    )
    publications = prose(
        _("Publications"), most=8000, required=False, help_text=_("Papers, models, data, code: with links.")
    )
    difficulties = prose(
        _("Difficulties"), most=8000, required=False, help_text=_("What kept you from using them, if so.")
    )
    plans = prose(_("Plans"), most=8000, required=False, help_text=_("What comes next."))
    people_trained = forms.IntegerField(
        label=_("People trained"),
        required=False,
        min_value=0,
        max_value=1_000_000,
        help_text=_("How many learned to use GPUs in this project."),
    )


class AnswerForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Answer"),
        choices=[
            (ReportAnswer.Outcome.ACCEPTED, _("Accept")),
            (ReportAnswer.Outcome.RETURNED, _("Return with a question")),
        ],
        widget=forms.RadioSelect,
    )
    reason = prose(_("Question or remark"), required=False, help_text=_("The project reads it."))


class AppealForm(forms.Form):
    grounds = prose(
        _("Grounds"),
        rows=8,
        most=8000,
        help_text=_("What was overlooked, or judged wrongly. Others than those who decided read it."),
    )


class AppealDecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (AppealDecision.Outcome.UPHELD, _("Uphold the appeal")),
            (AppealDecision.Outcome.DISMISSED, _("Dismiss it")),
        ],
        widget=forms.RadioSelect,
    )
    reason = prose(_("Reason"), help_text=_("The project reads it."))
