"""Reading notices."""

from typing import Any

from django.db.models import QuerySet

from portal.notices.models import Notice


def notices_visible_to(user: Any) -> QuerySet[Notice]:
    """One's own."""
    return Notice.objects.filter(user=user)


def unread_count(user: Any) -> int:
    """How many notices await this person: one small indexed query; none for visitors."""
    return notices_visible_to(user).filter(read_at__isnull=True).count() if user.is_authenticated else 0
