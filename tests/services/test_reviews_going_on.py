"""What keeps a merit review going: sweeps that fail in part, too few reviewers, words that are revised."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.reviews import services
from allocations.reviews.models import Review
from allocations.reviews.services import deadlines
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import fund
from tests.reviewing import invited, reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def test_one_review_that_fails_stops_no_other(cast: Cast, monkeypatch: Any) -> None:
    first, second = invited(cast, cast.reviewer, reviewer("second"), persons=2)
    days_later = clock.now() + timedelta(days=60)
    monkeypatch.setattr(clock, "now", lambda: days_later)
    monkeypatch.setattr(deadlines, "tell_reviewer", _fails_for(first))
    assert services.reviews_sweep()["expired"] == 1
    assert set(Review.objects.values_list("pk", "state")) == {(first.pk, "assigned"), (second.pk, "expired")}
    monkeypatch.undo()
    monkeypatch.setattr(clock, "now", lambda: days_later)
    assert services.reviews_sweep()["expired"] == 1, "it is left for the next run"


def _fails_for(review: Review) -> Any:
    def tell(told: Review, occasion: str) -> None:
        if told.pk == review.pk:
            raise RuntimeError(occasion)

    return tell
