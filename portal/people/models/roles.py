"""Roles across the whole programme. Site roles live in datacenters, project roles in projects."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class ProgrammeRole(Record):
    class Role(models.TextChoices):
        ADMIN = "admin", _("Programme admin")
        COUNCIL = "council", _("Council")
        REVIEWER = "reviewer", _("Reviewer")
        VERIFIER = "verifier", _("Verifier")
        AUDITOR = "auditor", _("Auditor")

    code = CodeField(prefix="rol")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="programme_roles"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)

    class Meta:
        verbose_name = _("programme role")
        verbose_name_plural = _("programme roles")
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="programme_role_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class AuditorScope(Record):
    """What an auditor may read in reports: a kind of thing and its code. Kind `all` is the whole nation."""

    class Kind(models.TextChoices):
        ALL = "all", _("Everything")
        ORGANISATION = "organisation", _("Organisation")
        SITE = "site", _("Site")
        SECTOR = "sector", _("Sector")

    public_code = CodeField(prefix="scp")  # `code` is that of the thing.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="auditor_scopes"
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    code = models.CharField(_("code"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("auditor scope")
        verbose_name_plural = _("auditor scopes")
        constraints = [models.UniqueConstraint(fields=["user", "kind", "code"], name="auditor_scope_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind} {self.code}".strip()
