"""Amounts and the calendar."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.units import hours_to_seconds, seconds_to_hours, split_evenly


@given(st.integers(0, 10**12), st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_a_split_loses_and_invents_nothing(total: int, weights: list[int]) -> None:
    parts = split_evenly(total, weights)
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)
    assert all(abs(part - total * w / sum(weights)) <= 1 for part, w in zip(parts, weights, strict=True))


def test_hours_are_whole_gpu_seconds() -> None:
    assert hours_to_seconds(2) == 7200
    assert str(seconds_to_hours(5400)) == "1.5000"


def test_quarters_of_a_period() -> None:
    quarters = quarters_between(date(2026, 11, 22), date(2027, 4, 1))
    assert [str(quarter) for quarter in quarters] == ["2026Q4", "2027Q1", "2027Q2"]
    assert Quarter.parse("2026Q4").last_day == date(2026, 12, 31)
    with pytest.raises(ValueError, match="2026Q4"):
        Quarter.parse("2026-4")
