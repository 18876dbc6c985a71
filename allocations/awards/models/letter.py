"""The letter that tells of an award, and the code by which anybody can check it."""

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.models.allocation import Award
from portal.foundation.codes import CodeField
from portal.foundation.transitions import append_only


class Letter(models.Model):
    """The names as they stood when the letter was first written; amounts and dates are the award's own.

    Its code is told by the letter alone: who knows only an award's code can't write a letter that checks.
    """

    code = CodeField(prefix="ltr")
    award = models.OneToOneField(Award, on_delete=models.PROTECT, related_name="letter")
    organisation = models.CharField(_("organisation"), max_length=200)
    project = models.CharField(_("project"), max_length=160)
    investigator = models.CharField(_("principal investigator"), max_length=120, blank=True)
    resource = models.CharField(_("resource"), max_length=160)
    site = models.CharField(_("site"), max_length=160)
    issued_at = models.DateTimeField(_("issued"), auto_now_add=True)

    class Meta:
        verbose_name = _("award letter")
        verbose_name_plural = _("award letters")
        ordering = ["-id"]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.code)

    def get_absolute_url(self) -> str:
        return reverse("letter", args=[self.code])
