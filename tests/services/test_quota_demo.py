"""The demonstration programmes and floors: planted once, cited, only reported."""

from decimal import Decimal

import pytest

from allocations.awards.quotas import demo
from allocations.awards.quotas.models import Quota
from portal.people import demo as people
from portal.people.models import OrganisationEndorsement, Programme

pytestmark = pytest.mark.django_db


def test_bodies_and_floors_are_planted_once() -> None:
    people.seed()
    for _time in range(2):
        demo.seed()
        assert Programme.objects.count() == 6
        assert all(body.source and body.name_ur for body in Programme.objects.all())
        assert OrganisationEndorsement.objects.count() == 2
        assert Quota.objects.count() == 7
        assert not Quota.objects.filter(enforced=True).exists()


def test_the_provinces_floors_leave_room() -> None:
    provinces = [percent for (dimension, _), percent in demo.all_floors().items() if dimension == "province"]
    assert sum(provinces) == pytest.approx(Decimal(60), abs=Decimal("0.02"))
