"""Linking a person to a login."""

from django import forms
from django.utils.translation import gettext_lazy as _


class LoginForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), help_text=_("With which the person signs in here."))
    login = forms.CharField(
        label=_("Login at the site"),
        max_length=32,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("The person's own Linux user. Jobs run as it."),
    )
