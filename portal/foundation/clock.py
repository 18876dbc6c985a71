"""The one place that asks what time it is (UTC), and the calendar that reports speak (Asia/Karachi)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

KARACHI = ZoneInfo("Asia/Karachi")


def now() -> datetime:
    """The present moment, UTC."""
    return timezone.now()


def today() -> date:
    """Today's date in Pakistan."""
    return now().astimezone(KARACHI).date()


def day_of(moment: datetime) -> date:
    """The Pakistani calendar day on which `moment` falls."""
    return moment.astimezone(KARACHI).date()


def midnight(day: date) -> datetime:
    """The moment (UTC) at which `day` begins in Pakistan."""
    return datetime.combine(day, time(), KARACHI).astimezone(UTC)


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter, the grain in which capacity is planned. Written `2026Q4`."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Quarter":
        return cls(day.year, (day.month - 1) // 3 + 1)

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """Raises ValueError where `text` isn't of the form 2026Q4."""
        year, _, number = text.partition("Q")
        if not (year.isdigit() and number in {"1", "2", "3", "4"}):
            raise ValueError(f"{text!r} is no quarter: write it like 2026Q4.")
        return cls(int(year), int(number))

    @property
    def first_day(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last_day(self) -> date:
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> "Quarter":
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"


def quarters_between(first: date, last: date) -> list[Quarter]:
    """Every quarter that the period `first`..`last` (both included) touches, in order."""
    quarters = [Quarter.of(first)]
    while quarters[-1].last_day < last:
        quarters.append(quarters[-1].next)
    return quarters
