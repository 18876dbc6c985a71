"""When reviewers are reminded: three days before, one day before, and on the day."""

from datetime import date

from portal.foundation import clock

THRESHOLDS = (3, 1, 0)  # days before the last day


def passed(due_on: date) -> int:
    """How many reminders are due by today: counted, so that a missed run catches up and a second is idle."""
    days_left = (due_on - clock.today()).days
    return sum(days_left <= threshold for threshold in THRESHOLDS)
