"""Reading keys and uploads: for those who run the site."""

from typing import Any

from django.db.models import QuerySet

from datacenters.selectors import ids_of_managed_sites
from scheduler_bridge.models import UsageKey, UsageUpload


def keys_visible_to(user: Any) -> QuerySet[UsageKey]:
    """Keys in force and revoked ones, the latest first."""
    keys = UsageKey.objects.select_related("site", "registered_by", "revoked_by")
    return keys.filter(site__in=ids_of_managed_sites(user))


def uploads_visible_to(user: Any) -> QuerySet[UsageUpload]:
    """Uploads, their bytes fetched only where they are read; the latest first."""
    uploads = UsageUpload.objects.select_related("site", "key", "uploaded_by", "decided_by")
    return uploads.filter(site__in=ids_of_managed_sites(user)).defer("content", "signature")
