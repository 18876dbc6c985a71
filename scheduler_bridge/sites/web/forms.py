"""Saying who is who at a site. The rules stand in the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datacenters.models import Site
from scheduler_bridge.sites.selectors import sites_without_login

MOST_BYTES = 256 * 1024
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


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"), required=False, help_text=_("Two columns, named in the first row: email,login")
    )
    table = forms.CharField(
        label=_("Or the rows themselves"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "code", "dir": "ltr", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        file, table = data.get("file"), data.get("table", "")
        if bool(file) == bool(table.strip()):
            raise forms.ValidationError(_("Choose a file, or write the rows: one of the two."))
        if file:
            data["table"] = self._text_of(file)
        return data

    def _text_of(self, file: Any) -> str:
        if file.size > MOST_BYTES:
            self.add_error("file", _("This file is larger than 256 kB. Send it in several parts."))
            return ""
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", _("This isn't text in UTF-8. Save the table as “CSV UTF-8”."))
            return ""
