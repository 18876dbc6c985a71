"""Forms of people and organisations."""

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.people.models import User
from portal.people.services.users import user_sign_up


class SignUpFields(forms.Form):
    """What sign-up asks beyond address and password."""

    field_order = ["name", "email", "language", "password1", "password2", "terms"]

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As it should appear on requests and decisions."),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        initial=get_language,
        help_text=_("Mail is written in this language."),
    )
    terms = forms.BooleanField(
        label=_("I accept the terms of use"),
        error_messages={"required": _("Accept the terms of use to sign up.")},
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        user_sign_up(user=user, name=self.cleaned_data["name"], language=self.cleaned_data["language"])
