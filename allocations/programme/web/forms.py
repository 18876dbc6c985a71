"""What people type into requests and decisions. The rules stand in the services."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import Decision
from allocations.programme.web.fields import GpuHoursField


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
