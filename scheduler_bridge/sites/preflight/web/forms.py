"""What people type about a preflight."""

from django import forms
from django.utils.translation import gettext_lazy as _

# Slurm prints about 10 kB.
LONGEST = 100_000


class ConfigForm(forms.Form):
    text = forms.CharField(
        label=_("Output of “scontrol show config”"),
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 10, "dir": "ltr", "spellcheck": "false", "translate": "no"}),
        help_text=_("Only the few settings that the preflight needs are kept."),
    )


class SwitchOnForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("Needed where the preflight says no; it is kept in the audit."),
    )
