"""Amounts of compute. The unit of record is the raw GPU-second, an integer; hours are for reading only."""

from decimal import Decimal

SECONDS_PER_HOUR = 3600


def hours_to_seconds(gpu_hours: Decimal | int) -> int:
    """GPU-hours as whole GPU-seconds. Raises ValueError where they don't come out whole."""
    seconds = Decimal(gpu_hours) * SECONDS_PER_HOUR
    if seconds != seconds.to_integral_value():
        raise ValueError("GPU-hours must come to a whole number of GPU-seconds.")
    return int(seconds)


def seconds_to_hours(gpu_seconds: int) -> Decimal:
    """GPU-seconds as GPU-hours, exact to the fourth decimal place (rounded half even)."""
    return (Decimal(gpu_seconds) / SECONDS_PER_HOUR).quantize(Decimal("0.0001"))


def split_evenly(total: int, weights: list[int]) -> list[int]:
    """Split `total` in proportion to `weights`, in whole units that add up to `total` exactly.

    Cumulative rounding: each part is the difference of two floors, so no unit is lost or invented.
    """
    whole = sum(weights)
    parts, before, weight_so_far = [], 0, 0
    for weight in weights:
        weight_so_far += weight
        upto = total * weight_so_far // whole
        parts.append(upto - before)
        before = upto
    return parts
