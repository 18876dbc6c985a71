"""Where to stop sending, or to let it go on, and why."""

from django import forms
from django.utils.translation import gettext_lazy as _

from datacenters.models import Cluster


class SendingForm(forms.Form):
    cluster = forms.ModelChoiceField(
        label=_("Where"),
        queryset=Cluster.objects.select_related("site").order_by("site__name"),
        to_field_name="code",
        required=False,
        empty_label=_("All sites"),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the audit, and shown to the other admins."),
    )
