"""How people want to be mailed, and the mails that gather several notices."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.notices.kinds import TIMINGS, Group, Timing

ALLOWED = Q()
for group, timings in TIMINGS.items():
    ALLOWED |= Q(group=str(group), timing__in=[str(timing) for timing in timings])


class MailChoice(Record):
    """When one person is mailed about one group of kinds. Where there is no row: at once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mail_choices")
    group = models.CharField(_("group"), max_length=12, choices=Group)
    timing = models.CharField(_("mail"), max_length=8, choices=Timing)

    class Meta:
        verbose_name = _("mail setting")
        verbose_name_plural = _("mail settings")
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="mail_choice_once"),
            models.CheckConstraint(name="mail_choice_allowed", condition=ALLOWED),
        ]

    def __str__(self) -> str:
        return f"{self.get_group_display()}: {self.get_timing_display()}"


class Digest(Record):
    """One mail that tells one person of several notices. A notice names the digest that it went into."""

    code = CodeField(prefix="dig")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="digests")
    day = models.DateField(_("day"))

    class Meta:
        verbose_name = _("digest")
        verbose_name_plural = _("digests")
        ordering = ["-day", "-id"]
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="digest_once_a_day")]

    def __str__(self) -> str:
        return str(self.code)
