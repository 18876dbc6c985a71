"""Tokens with which programs speak to the API in somebody's name."""

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from portal.foundation.codes import CodeField


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """Only a hash of the token is kept; `token_key` is its beginning, by which its owner knows it again."""

    code = CodeField(prefix="tok")
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Where its owner finds it: a token has no page of its own."""
        return reverse("tokens")

    @property
    def beginning(self) -> str:
        """The first characters, by which its owner knows it again."""
        return f"{self.token_key[:8]}…"
