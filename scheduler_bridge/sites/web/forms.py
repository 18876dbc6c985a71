"""Saying who is who at a site. The rules stand in the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datacenters.models import Site
from portal.foundation.table_form import TableForm
from scheduler_bridge.sites.selectors import sites_without_login

AS_TYPED = {"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}


class LoginForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), help_text=_("With which the person signs in here."))
    login = forms.CharField(
        label=_("Login at the site"),
        max_length=32,
        widget=forms.TextInput(attrs=AS_TYPED),
        help_text=_("The person's own Linux user. The person is asked to confirm it; then jobs run as it."),
    )


class AskForm(forms.Form):
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        to_field_name="code",
        empty_label=_("Choose a site"),
        help_text=_("Where you have an allocation, but no login yet."),
    )
    login = forms.CharField(
        label=_("Your login there"),
        max_length=32,
        widget=forms.TextInput(attrs=AS_TYPED),
        help_text=_("The name with which you sign in at the site. One of its managers confirms it."),
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["site"]
        field.queryset = sites_without_login(user)


class ImportForm(TableForm):
    columns_help = _("Two columns, named in the first row: email,login")
