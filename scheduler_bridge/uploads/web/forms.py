"""What people send about an unbridged site's usage. The rules stand in the services."""

from django import forms
from django.utils.translation import gettext_lazy as _


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Whose it is, or where it lies."))
    public_key = forms.CharField(
        label=_("Public key"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "code", "dir": "ltr", "spellcheck": "false"}),
        help_text=_("An Ed25519 key in PEM. Only the public half: the private one never leaves the site."),
    )


class RevokeForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("Kept in the audit."),
    )


class UploadForm(forms.Form):
    content = forms.FileField(label=_("Table of usage"), help_text=_("A CSV file, as described below."))
    signature = forms.FileField(
        label=_("Its signature"), help_text=_("The file that “openssl pkeyutl -sign” wrote.")
    )


class AcceptForm(forms.Form):
    leave_wrong = forms.BooleanField(
        label=_("Accept the good rows, and leave the wrong ones for a corrected upload"), required=False
    )
    mark = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput())
