"""The demonstration's reviewers."""

from typing import Any

import pytest

from allocations.reviews import demo
from allocations.reviews.models import ReviewerProfile
from portal.people import demo as people


@pytest.mark.django_db
def test_the_pool_is_planted_once(settings: Any) -> None:
    settings.DEMO_MODE = True
    people.seed()
    for _time in range(2):
        demo.seed()
    assert ReviewerProfile.objects.count() == len(demo.REVIEWERS)
    profile = ReviewerProfile.objects.get(user__email=people.address("reviewer2"))
    assert "wheat rust" in profile.keywords
    assert {sector.code for sector in profile.sectors.all()} == {"agriculture", "climate"}
