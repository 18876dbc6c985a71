"""How amounts, times and identifiers are written on pages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from portal.foundation import formats


@pytest.fixture(autouse=True)
def in_english():
    """Whatever language a page before this was in."""
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"),
        (1, "<0.01"),
        (-1, ">-0.01"),
        (35, "<0.01"),
        (36, "0.01"),
        (1800, "0.5"),
        (3600, "1"),
        (36_000, "10"),
        (360_000, "100"),
        (4_442_400, "1,234"),
        (4_444_200, "1,234.5"),
        (-4_444_200, "-1,234.5"),
        (None, ""),
    ],
)
def test_hours(seconds: int | None, text: str) -> None:
    assert formats.hours(seconds) == text


def test_hours_on_a_page_keep_their_sign_before_them() -> None:
    assert formats.hours_island(1) == '<bdi class="num" dir="ltr">&lt;0.01</bdi>'
    assert formats.hours_island(None) == ""


def test_gpu_hours_carry_the_exact_seconds() -> None:
    assert 'title="4,444,200 GPU-seconds"' in formats.gpu_hours(4_444_200)


def test_gpu_hours_read_in_the_direction_of_their_unit() -> None:
    assert 'dir="ltr"' in formats.gpu_hours(3600)
    with translation.override("ur"):
        assert 'dir="rtl"' in formats.gpu_hours(3600)


def test_code_is_escaped_and_reads_left_to_right() -> None:
    assert formats.code("<b>") == '<code dir="ltr" translate="no">&lt;b&gt;</code>'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (3600, "1 h"), (187_500, "2 d 4 h")],
)
def test_duration_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert text.replace(" ", "\u00a0").split("\u00a0") == (
        formats.duration(seconds).removeprefix('<bdi class="num">').removesuffix("</bdi>")
    ).replace(" ", "\u00a0").split("\u00a0")


def test_moments_are_shown_in_pakistan_and_kept_in_utc() -> None:
    shown = formats.when(datetime(2026, 9, 4, 20, 5, tzinfo=UTC))
    assert ">5 Sep 2026, 01:05<" in shown
    assert 'datetime="2026-09-04T20:05:00+00:00"' in shown
    assert ">4 Sep 2026<" in formats.when(date(2026, 9, 4))


def test_months_speak_urdu() -> None:
    with translation.override("ur"):
        assert "ستمبر" in formats.when(date(2026, 9, 4))


def test_ago_knows_past_and_future() -> None:
    assert ">5\u00a0minutes ago<" in formats.ago(timezone.now() - timedelta(minutes=5, seconds=1))
    assert ">just now<" in formats.ago(timezone.now() - timedelta(seconds=5))
    assert ">in 5\u00a0minutes<" in formats.ago(timezone.now() + timedelta(minutes=5, seconds=30))


@pytest.mark.parametrize(
    "write", [formats.gpu_hours, formats.duration, formats.when, formats.ago, formats.code]
)
def test_nothing_is_a_dash(write) -> None:
    assert write(None) == formats.NOTHING


@pytest.mark.parametrize(
    ("share", "text"),
    [(20, "20"), (Decimal("20.00"), "20"), (14.73, "14.73"), (Decimal("0.50"), "0.5"), (100.0, "100")],
)
def test_percent(share: object, text: str) -> None:
    assert formats.percent(share) == f'<bdi class="num" dir="ltr">{text}&nbsp;%</bdi>'


def test_no_percent() -> None:
    assert formats.percent(None) == formats.NOTHING
