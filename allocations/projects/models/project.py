"""Projects: what compute is asked for, and who works on it."""

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from datacenters.models import DataClass
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models import Organisation


class Sector(models.Model):
    """A sector of the National Taskforce on AI. Data, not code."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_ur = models.CharField(_("name (Urdu)"), max_length=80)
    provisional = models.BooleanField(_("provisional"), default=False)

    class Meta:
        verbose_name = _("sector")
        verbose_name_plural = _("sectors")
        ordering = ["name_en"]

    def __str__(self) -> str:
        return self.name_ur if get_language() == "ur" else self.name_en


class Project(Record):
    code = CodeField(prefix="prj")
    organisation = models.ForeignKey(
        Organisation, verbose_name=_("organisation"), on_delete=models.PROTECT, related_name="projects"
    )
    title = models.CharField(_("title"), max_length=160)
    # A TextField's max_length binds only forms; the validator binds services too.
    abstract = models.TextField(_("abstract"), max_length=4000, validators=[MaxLengthValidator(4000)])
    sector = models.ForeignKey(
        Sector, verbose_name=_("sector"), on_delete=models.PROTECT, related_name="projects"
    )
    data_class = models.CharField(_("data class"), max_length=12, choices=DataClass, default=DataClass.OPEN)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["organisation", "-created_at"], name="project_organisation")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("project", args=[self.code])

    @property
    def illustrative(self) -> bool:
        """A demonstration organisation's projects are demonstrations."""
        return self.organisation.illustrative


class ProjectMember(Record):
    class Role(models.TextChoices):
        PI = "pi", _("Principal investigator")
        MANAGER = "manager", _("Manager")
        MEMBER = "member", _("Member")

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="project_roles")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.MEMBER)
    cap_gpu_seconds = models.BigIntegerField(
        _("cap (GPU-seconds)"),
        null=True,
        blank=True,
        help_text=_("The most of the project's allocations that this member may use. Empty: no cap."),
    )

    class Meta:
        verbose_name = _("project member")
        verbose_name_plural = _("project members")
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="project_member_once"),
            models.UniqueConstraint(fields=["project"], condition=models.Q(role="pi"), name="project_one_pi"),
            models.CheckConstraint(
                name="project_member_cap",
                # Whoever leads the project sets caps and has none.
                condition=models.Q(cap_gpu_seconds=None)
                | (models.Q(cap_gpu_seconds__gte=0) & ~models.Q(role="pi")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
