"""The load for measuring: as much as was asked for, and the books agree."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances_of
from allocations.ledger.verification import first_discrepancy
from allocations.programme.models import AllocationRequest
from allocations.programme.selectors import pending_for
from allocations.projects.models import Project
from allocations.usage.verification import first_difference
from portal.people import demo
from portal.people.models import User


def test_as_much_as_asked_for_and_the_books_agree(db: None, settings: Any) -> None:
    settings.DEMO_MODE, settings.REQUIRE_SECOND_FACTOR = True, False
    call_command("demo_load", scale=0.02)
    loaded = Allocation.objects.filter(resource__code__startswith="load-")
    assert loaded.count() == 100
    assert Project.objects.filter(title__startswith="Load").count() == 4
    assert User.objects.filter(name__startswith="Load").count() == 40
    pending = pending_for(demo.user("admin")).filter(project__title__startswith="Load")
    assert pending.count() == 6
    assert AllocationRequest.objects.filter(project__title__startswith="Load", state="approved").exists()
    assert all(project.illustrative for project in Project.objects.filter(title__startswith="Load"))
    assert first_discrepancy() is None
    assert first_difference() is None
    for balance in balances_of(loaded.values_list("code", flat=True)).values():
        assert balance.granted == balance.spent + balance.available > 0
    with pytest.raises(CommandError, match="before"):
        call_command("demo_load", scale=0.02)


def test_never_outside_demo_mode(db: None, settings: Any) -> None:
    settings.DEMO_MODE = False
    with pytest.raises(CommandError, match="demo mode"):
        call_command("demo_load", scale=0.02)
    assert not Allocation.objects.exists()
