"""The ledger over the API: to read; it is written by what happens to allocations and jobs."""

from typing import Any

from django.db import models
from rest_framework.mixins import ListModelMixin

from allocations.ledger import selectors
from allocations.ledger.api.serializers import PostingSerializer
from allocations.ledger.filtersets import EntryFilters
from allocations.ledger.models import Posting
from portal.foundation.api import ScopedViewSet


class LedgerViewSet(ListModelMixin, ScopedViewSet):
    """What moved in the ledgers of the allocations that the caller may see, newest first.

    Narrow by `?allocation=`, `kind`, `about` (a job or run), `since` and `until`. Amounts are GPU-seconds.
    """

    selector = selectors.visible_to
    serializer_class = PostingSerializer
    filterset_class = EntryFilters
    queryset = Posting.objects.none()  # Tells the schema what kind of thing this is.

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Posting.objects.none()
        return super().get_queryset()
