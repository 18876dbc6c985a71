"""What most tables share."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Record(models.Model):
    """A row with the moments (UTC) at which it was made and last changed."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        abstract = True

    def store(self, *fields: str) -> None:
        """Save the named fields and no other: a bare save() would write back stale ones."""
        self.save(update_fields=[*fields, "updated_at"])

    def snapshot(self, *fields: str) -> dict[str, Any]:
        """The named fields as JSON-ready values, for the audit's before and after."""
        return {field: _plain(getattr(self, field)) for field in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, models.Model):
        return getattr(value, "code", value.pk)
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)
