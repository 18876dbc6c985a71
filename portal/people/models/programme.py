"""Bodies that stand behind organisations and projects: centres of excellence, zones, funds, working groups.

They are rows, never code: an admin adds the next one in the browser.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models.organisation import Organisation
from portal.people.models.user import User


class Programme(Record):
    """A body that endorses. Its coordinators say for whom it stands; quotas may count what it endorses."""

    class Kind(models.TextChoices):
        CENTRE = "centre", _("Centre of excellence")
        ZONE = "zone", _("Zone")
        FUND = "fund", _("Fund")
        WORKING_GROUP = "working_group", _("Sector working group")

    code = CodeField(prefix="pgm")
    kind = models.CharField(_("kind"), max_length=14, choices=Kind)
    name_en = models.CharField(_("name (English)"), max_length=120, unique=True)
    name_ur = models.CharField(_("name (Urdu)"), max_length=120, blank=True)
    # Sectors live in a room above: known here by code.
    sector = models.SlugField(_("sector"), max_length=40, blank=True)
    source = models.TextField(
        _("source"), blank=True, max_length=500, help_text=_("Where the facts about it come from.")
    )
    coordinators = models.ManyToManyField(
        User, verbose_name=_("coordinators"), related_name="coordinated_programmes", blank=True
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programmes")
        ordering = ["name_en"]

    def __str__(self) -> str:
        return self.name_ur if self.name_ur and get_language() == "ur" else self.name_en

    def get_absolute_url(self) -> str:
        return reverse("programme", args=[self.code])


class Endorsement(Record):
    """That a programme stands for something: by whom, since when, until when, and who took it back."""

    code = CodeField(prefix="end")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="%(class)ss")
    until = models.DateField(_("until"), null=True, blank=True, help_text=_("Empty: until it is withdrawn."))
    reason = models.TextField(_("reason"), blank=True, max_length=2000)
    endorsed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True

    @property
    def is_in_force(self) -> bool:
        if self.withdrawn_at or self.programme.closed_at:
            return False
        return self.until is None or self.until >= clock.today()

    @classmethod
    def in_force(cls) -> Q:
        """The same as a condition on rows."""
        lasting = Q(until=None) | Q(until__gte=clock.today())
        return Q(withdrawn_at=None, programme__closed_at=None) & lasting

    @property
    def endorsed(self) -> Any:
        """What the programme stands for."""
        raise NotImplementedError


class OrganisationEndorsement(Endorsement):
    """A programme stands for an organisation, and so for all its projects."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="endorsements")

    class Meta:
        verbose_name = _("endorsement of an organisation")
        verbose_name_plural = _("endorsements of organisations")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "organisation"],
                condition=Q(withdrawn_at=None),
                name="organisation_endorsed_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme}: {self.organisation}"

    @property
    def endorsed(self) -> Organisation:
        return self.organisation
