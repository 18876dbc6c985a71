"""The terms of acceptable use, in versions, and who has said yes to which."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class TermsVersion(Record):
    """One text, from a day on. Never changed: a further version follows it."""

    class Kind(models.TextChoices):
        ACCEPTABLE_USE = "acceptable_use", _("Acceptable use")

    code = CodeField(prefix="trm")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.ACCEPTABLE_USE)
    number = models.PositiveIntegerField(_("version"))
    text_en = models.TextField(_("text in English"), help_text=_("One clause a line."))
    text_ur = models.TextField(_("text in Urdu"), help_text=_("One clause a line, as in English."))
    in_force_from = models.DateField(_("in force from"))

    class Meta:
        verbose_name = _("version of the terms")
        verbose_name_plural = _("versions of the terms")
        ordering = ["kind", "-number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="terms_number_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("terms_version", args=[self.code])

    def clauses(self, language: str) -> list[str]:
        """The text in `language` (Urdu, else English), clause by clause."""
        text = self.text_ur if language == "ur" else self.text_en
        return [line.strip() for line in text.splitlines() if line.strip()]


class Consent(Record):
    """A person's yes to one version, at the moment when the row was made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consents")
    terms = models.ForeignKey(TermsVersion, on_delete=models.PROTECT, related_name="consents")

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [models.UniqueConstraint(fields=["user", "terms"], name="terms_consent_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.user}: {self.terms}"
