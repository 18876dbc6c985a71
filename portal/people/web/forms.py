"""Forms of people and organisations. They shape what is typed; what is allowed, the services say."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.text import format_lazy
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.table_form import TableForm
from portal.people.identifiers import kinds_for
from portal.people.models import (
    AuditorScope,
    Membership,
    Organisation,
    ProgrammeRole,
    User,
    Verification,
)
from portal.people.models.organisation import WOMEN_LED
from portal.people.services.deputies import MOST_DAYS
from portal.people.services.tokens import LONGEST_DAYS
from portal.people.services.users import user_sign_up
from portal.people.services.verifications import USUAL_DAYS


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
        help_text=format_lazy('<a href="{}">{}</a>', reverse_lazy("terms"), _("Read the terms of use")),
        error_messages={"required": _("Accept the terms of use to sign up.")},
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        user_sign_up(user=user, name=self.cleaned_data["name"], language=self.cleaned_data["language"])


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, help_text=_("Mail is written in this language.")
    )


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("For example the program that will use it.")
    )
    days = forms.IntegerField(
        label=_("Days until it ends"),
        initial=90,
        help_text=format_lazy(_("1 to {most}."), most=LONGEST_DAYS),
        widget=forms.NumberInput(attrs={"min": 1, "max": LONGEST_DAYS}),
    )


class ReasonForm(forms.Form):
    """For a step that needs nothing but a reason."""

    reason = forms.CharField(
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It is kept, and shown to those whom it concerns."),
        error_messages={"required": _("Give a reason.")},
    )


# --- Organisations ----------------------------------------------------------------------------------
# Shares of GPU-hours go by it, so none stands there unchosen.
PROVINCES = [("", _("Choose")), *Organisation.Province.choices]


class OrganisationDetailsForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=200, help_text=_("As in the certificate, charter or notification.")
    )
    province = forms.ChoiceField(
        label=_("Province"),
        choices=PROVINCES,
        help_text=_("Where its seat is. It is verified together with the identifier."),
    )
    women_led = forms.BooleanField(label=_("Women-led"), required=False, help_text=WOMEN_LED)
    website = forms.URLField(label=_("Website"), required=False, assume_scheme="https")


class OrganisationForm(OrganisationDetailsForm):
    field_order = ["name", "kind", "province", "women_led", "website"]

    kind = forms.ChoiceField(
        label=_("Class"),
        choices=Organisation.Kind.choices,
        widget=forms.RadioSelect,
        help_text=_("It decides how the organisation is verified, and can't be changed later."),
    )


class VerificationForm(forms.Form):
    identifier_kind = forms.ChoiceField(label=_("Kind of identifier"))
    identifier = forms.CharField(label=_("Identifier"), max_length=60)
    province = forms.ChoiceField(
        label=_("Province"),
        choices=PROVINCES,
        help_text=_("Where its seat is, as the evidence shows it. Shares of GPU-hours go by it."),
    )
    women_led = forms.BooleanField(
        label=_("Women-led"),
        required=False,
        help_text=format_lazy("{} {}", WOMEN_LED, _("Attach evidence of it in the same file.")),
    )
    evidence = forms.FileField(
        label=_("Evidence"),
        allow_empty_file=True,  # The service tells what is wrong with it.
        error_messages={"required": _("Attach the evidence. A PDF, PNG or JPEG file.")},
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = kinds_for(organisation.kind)
        self.fields["identifier_kind"].choices = [(kind.code, kind.label) for kind in kinds]  # type: ignore[attr-defined]
        self.fields["identifier"].help_text = " ".join(str(kind.remedy) for kind in kinds)
        self.fields["evidence"].help_text = " ".join(
            [*(str(kind.evidence) for kind in kinds), str(_("PDF, PNG or JPEG, at most 10 MB."))]
        )


class AcceptForm(forms.Form):
    expires_on = forms.DateField(
        label=_("Valid until"),
        initial=lambda: clock.today() + timedelta(days=USUAL_DAYS),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("One year is usual; three are the most."),
    )
    women_led = forms.BooleanField(
        label=_("The evidence shows that it is women-led"), required=False, help_text=WOMEN_LED
    )
    reason = forms.CharField(label=_("Remark"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, verification: Verification, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not verification.women_led:
            del self.fields["women_led"]


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address"),
        help_text=_("Whoever has this address accepts by a link that is valid for 14 days."),
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Membership.Role.choices,
        initial=Membership.Role.MEMBER,
        help_text=_("Owners manage members and verification."),
    )


class ConfirmForm(forms.Form):
    """For a step that can't be undone and needs no further input."""


# --- Programme --------------------------------------------------------------------------------------
class RoleForm(ReasonForm):
    field_order = ["role", "reason"]
    role = forms.ChoiceField(label=_("Role"), choices=ProgrammeRole.Role.choices)


class ScopeForm(ReasonForm):
    field_order = ["kind", "code", "reason"]
    kind = forms.ChoiceField(label=_("Scope"), choices=AuditorScope.Kind.choices)
    code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=40,
        help_text=_("Of the organisation, site or sector. Empty for everything."),
    )


class DeputyForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail address of your deputy"),
        help_text=_("With which they sign in here. They need a second factor, as you do."),
    )
    starts_on = forms.DateField(
        label=_("First day"), initial=clock.today, widget=forms.DateInput(attrs={"type": "date"})
    )
    ends_on = forms.DateField(
        label=_("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=format_lazy(_("At most {most} days after the first."), most=MOST_DAYS),
    )
    reason = forms.CharField(
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Such as: annual leave. Your deputy reads it."),
        error_messages={"required": _("Give a reason.")},
    )


class InstitutionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    domains = forms.CharField(
        label=_("Domains"),
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("With blanks between: university.edu.pk. Addresses below a domain count as well."),
    )
    province = forms.ChoiceField(label=_("Province"), choices=PROVINCES)
    source = forms.CharField(
        label=_("Source"),
        max_length=300,
        help_text=_("Where it is recognised: a list with its date, or an address."),
    )
    focal_email = forms.EmailField(
        label=_("Focal person's address"),
        required=False,
        help_text=_(
            "In a domain of the institution. Whoever proves it manages its organisation; "
            "without one a programme admin confirms who does."
        ),
    )
    is_active = forms.BooleanField(
        label=_("In use"),
        required=False,
        initial=True,
        help_text=_("Out of use nobody is verified by it any more; who was verified stays so."),
    )

    def clean_domains(self) -> list[str]:
        return str(self.cleaned_data["domains"]).replace(";", " ").replace(",", " ").split()


class InstitutionImportForm(TableForm):
    columns_help = _(
        "Columns, named in the first row: name,domains,province,source and maybe active,focal_email. "
        "Several domains with blanks between; the province by its name or code; "
        "focal_email is the address of whoever manages the institution."
    )


class TermsForm(forms.Form):
    text_en = forms.CharField(
        label=_("Text in English"), widget=forms.Textarea(attrs={"rows": 10, "dir": "ltr", "lang": "en"})
    )
    text_ur = forms.CharField(
        label=_("Text in Urdu"),
        widget=forms.Textarea(attrs={"rows": 10, "dir": "rtl", "lang": "ur"}),
        help_text=_("One clause a line, the same ones in both languages."),
    )
    in_force_from = forms.DateField(
        label=_("In force from"), initial=clock.today, widget=forms.DateInput(attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        """Line ends as the database keeps them."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("text_en", "text_ur"):
            data[name] = "\n".join(line.strip() for line in data.get(name, "").splitlines() if line.strip())
        return data
