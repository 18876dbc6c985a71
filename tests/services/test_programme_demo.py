"""The demonstration requests: planted once, through the services."""

import pytest
from django.core.management import call_command

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances
from allocations.programme.models import AllocationRequest, Call
from tests.requesting import HOUR

pytestmark = pytest.mark.django_db


def test_one_is_approved_and_one_waits() -> None:
    for _time in range(2):
        call_command("demo_seed")
        approved, waiting = AllocationRequest.objects.order_by("state")
        assert (approved.state, waiting.state) == ("approved", "submitted")
        assert approved.requested_by.email == "researcher@demo.taqseem.test"
        assert waiting.requested_by.email == "startup@demo.taqseem.test"
        allocation = Allocation.objects.get()
        assert allocation.resource.site.code == "astrolabe-ned"
        assert balances(allocation.code).granted == 500 * HOUR
        assert approved.decisions.get().decided_by.email == "council@demo.taqseem.test"
        call = Call.objects.get()
        assert (call.track.code, call.is_open, call.illustrative) == ("large", True, True)
        assert call.text_en.startswith("ILLUSTRATIVE")
        assert all(request.justification.startswith("ILLUSTRATIVE") for request in (approved, waiting))
