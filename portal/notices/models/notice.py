"""What the portal has told somebody."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.notices.kinds import Group, Timing
from portal.notices.models.mail import Digest
from portal.notices.text import render


class Notice(Record):
    """One message to one person.

    `subject` and `body` are message ids with named places for `params`: they are put into words when they
    are read, in the language that is read then.
    """

    code = CodeField(prefix="ntc")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(_("kind"), max_length=40)
    group = models.CharField(_("about"), max_length=12, choices=Group)
    # As the person had chosen when it was written.
    timing = models.CharField(_("mail"), max_length=8, choices=Timing, default=Timing.AT_ONCE)
    digest = models.ForeignKey(
        Digest,
        verbose_name=_("digest"),
        on_delete=models.PROTECT,
        related_name="notices",
        null=True,
        blank=True,
    )
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    params = models.JSONField(default=dict)
    url = models.CharField(_("address"), max_length=200, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notice_user"),
            models.Index(fields=["user"], name="notice_unread", condition=models.Q(read_at__isnull=True)),
            models.Index(
                fields=["user"],
                name="notice_for_digest",
                condition=models.Q(digest__isnull=True, timing__in=["daily", "weekly"]),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("notice", args=[self.code])

    @property
    def title(self) -> str:
        return render(self.subject, self.params)

    @property
    def text(self) -> str:
        return render(self.body, self.params)

    @property
    def is_read(self) -> bool:
        return self.read_at is not None

    def words(self) -> dict[str, Any]:
        """What a mail of the same content needs."""
        return {"subject": self.subject, "body": self.body, "params": self.params, "url": self.url}
