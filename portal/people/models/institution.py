"""Institutions of which we know the domains: whoever has an address there belongs to them."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models.organisation import Organisation


class RecognisedInstitution(Record):
    """An entry of the allow-list, with where it was read. Changes are told by the audit."""

    code = CodeField(prefix="ins")
    name = models.CharField(_("name"), max_length=200)
    domains = ArrayField(
        models.CharField(max_length=100), verbose_name=_("domains"), help_text=_("Lower case, without @.")
    )
    province = models.CharField(_("province"), max_length=12, choices=Organisation.Province)
    source = models.CharField(
        _("source"),
        max_length=300,
        help_text=_("Where it is recognised: a list with its date, or an address."),
    )
    focal_email = models.EmailField(
        _("focal person's address"),
        blank=True,
        help_text=_("Whoever proves it manages the institution's organisation without being asked further."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("recognised institution")
        verbose_name_plural = _("recognised institutions")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="institution_name_once"),
            models.CheckConstraint(name="institution_has_domain", condition=models.Q(domains__len__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name

    def snapshot(self, *fields: str) -> dict[str, Any]:
        """As every record's, domains with blanks between."""
        plain = super().snapshot(*fields)
        return plain | {"domains": " ".join(self.domains)} if "domains" in plain else plain

    def get_absolute_url(self) -> str:
        return reverse("institution", args=[self.code])
