"""Sites: places with GPUs. A site is data, never code."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from datacenters.validators import check_code
from portal.foundation import clock
from portal.foundation.models import Record
from portal.people.models import Organisation


class DataClass(models.TextChoices):
    """National data classes, from the least to the most sensitive. Secret data is refused everywhere."""

    OPEN = "open", _("Open")
    PUBLIC = "public", _("Public")
    RESTRICTED = "restricted", _("Restricted")
    SENSITIVE = "sensitive", _("Sensitive or confidential")
    SECRET = "secret", _("Secret")


class Site(Record):
    class Kind(models.TextChoices):
        """How jobs get there and usage comes back."""

        BRIDGED = "bridged", _("Bridged: jobs go to its Slurm")
        UNBRIDGED = "unbridged", _("Unbridged: jobs are run at the site, usage is uploaded")

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[check_code])
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=Kind,
        default=Kind.BRIDGED,
        help_text=_(
            "Without Slurm a site takes awards, and its managers upload signed lists of what was used."
        ),
    )
    city = models.CharField(_("city"), max_length=80, blank=True, help_text=_("Empty: not published."))
    province = models.CharField(_("province"), max_length=12, choices=Organisation.Province, blank=True)
    description = models.TextField(_("description"), blank=True)
    source = models.TextField(
        _("source"), blank=True, help_text=_("Where the facts about this site come from.")
    )
    is_open = models.BooleanField(_("takes jobs"), default=True)
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("site", args=[self.code])

    @property
    def is_unbridged(self) -> bool:
        return self.kind == self.Kind.UNBRIDGED

    def holds(self, data_class: str) -> bool:
        """Whether data of this class may be here today. Open and public data may always be."""
        if data_class in {DataClass.OPEN, DataClass.PUBLIC}:
            return True
        if data_class == DataClass.SECRET:
            return False
        return any(
            accreditation.data_class == data_class and accreditation.is_in_force
            for accreditation in self.accreditations.all()
        )


class Accreditation(Record):
    """A site's permission to hold a class of data, until it expires."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="accreditations")
    data_class = models.CharField(_("data class"), max_length=12, choices=DataClass)
    expires_on = models.DateField(_("valid until"))
    reference = models.CharField(_("reference"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("accreditation")
        verbose_name_plural = _("accreditations")
        constraints = [models.UniqueConstraint(fields=["site", "data_class"], name="accreditation_once")]

    def __str__(self) -> str:
        return f"{self.site}: {self.get_data_class_display()}"

    @property
    def is_in_force(self) -> bool:
        return self.expires_on >= clock.today()


class SiteRole(Record):
    """Who runs a site."""

    class Role(models.TextChoices):
        MANAGER = "manager", _("Site manager")
        OPERATOR = "operator", _("Operator")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="site_roles")
    role = models.CharField(_("role"), max_length=10, choices=Role)

    class Meta:
        verbose_name = _("site role")
        verbose_name_plural = _("site roles")
        constraints = [models.UniqueConstraint(fields=["site", "user", "role"], name="site_role_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}, {self.site}"
