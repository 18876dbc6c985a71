"""The ways into a project and the change of who leads it: nobody joins or leads without their own yes."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.projects.models.project import Project, ProjectMember
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record

# There is one principal investigator; who it is changes by a hand-over, not by a choice of role.
GIVEN_ROLES = [(role, role.label) for role in ProjectMember.Role if role != ProjectMember.Role.PI]


class Asked(models.TextChoices):
    """What becomes of something that somebody was asked."""

    PENDING = "pending", _("Awaiting an answer")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ProjectInvitation(Record):
    """An address that was asked to join. Whoever proves to own it may accept until `expires_at`."""

    code = CodeField(prefix="piv")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=GIVEN_ROLES, default=ProjectMember.Role.MEMBER)
    state = models.CharField(_("state"), max_length=10, choices=Asked, default=Asked.PENDING)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("valid until"))

    class Meta:
        verbose_name = _("invitation to a project")
        verbose_name_plural = _("invitations to projects")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                "project", Lower("email"), condition=Q(state="pending"), name="project_invitation_one_pending"
            ),
            models.CheckConstraint(name="project_invitation_state", condition=Q(state__in=Asked.values)),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.project}"

    def get_absolute_url(self) -> str:
        return reverse("project_invitation", args=[self.code])

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered."""
        return self.state == Asked.PENDING and self.expires_at > clock.now()


class ProjectLink(Record):
    """A secret link by which people join. Only the secret's SHA-256 is kept: 256 random bits need no salt."""

    code = CodeField(prefix="pjl")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="links")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    role = models.CharField(_("role"), max_length=10, choices=GIVEN_ROLES, default=ProjectMember.Role.MEMBER)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("valid until"))
    most_uses = models.PositiveIntegerField(_("most uses"), null=True, blank=True)
    uses = models.PositiveIntegerField(_("uses"), default=0)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("link to a project")
        verbose_name_plural = _("links to projects")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="project_link_uses",
                condition=Q(most_uses=None) | Q(most_uses__gte=1, uses__lte=models.F("most_uses")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.project}"

    @property
    def is_open(self) -> bool:
        """Whether somebody can still join by it."""
        used_up = self.most_uses is not None and self.uses >= self.most_uses
        return self.revoked_at is None and self.expires_at > clock.now() and not used_up


class HandOver(Record):
    """A member who was asked to become the principal investigator, and what the present one does then."""

    class Afterwards(models.TextChoices):
        MANAGER = "manager", _("Stays as a manager")
        MEMBER = "member", _("Stays as a member")
        LEAVES = "leaves", _("Leaves the project")

    code = CodeField(prefix="hov")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="hand_overs")
    successor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    afterwards = models.CharField(
        _("the present principal investigator"),
        max_length=10,
        choices=Afterwards,
        default=Afterwards.MANAGER,
    )
    state = models.CharField(_("state"), max_length=10, choices=Asked, default=Asked.PENDING)
    expires_at = models.DateTimeField(_("valid until"))

    class Meta:
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(state="pending"), name="hand_over_one_pending"
            ),
            models.CheckConstraint(name="hand_over_state", condition=Q(state__in=Asked.values)),
        ]

    def __str__(self) -> str:
        return f"{self.successor} · {self.project}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered."""
        return self.state == Asked.PENDING and self.expires_at > clock.now()
