"""The arithmetic of scores: pure functions, no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

PLACES = Decimal("0.001")


def weighted_mean(scores: Iterable[tuple[int, int]]) -> Decimal:
    """The mean of (score, weight) pairs: Σ score·weight / Σ weight, to three decimals (half even).

    Weights are relative: they needn't come to 100. Raises ValueError where they come to nothing.
    """
    pairs = list(scores)
    whole = sum(weight for _score, weight in pairs)
    if whole <= 0:
        raise ValueError("The weights of a rubric come to more than nothing.")
    return (Decimal(sum(score * weight for score, weight in pairs)) / whole).quantize(PLACES)


@dataclass(frozen=True)
class Spread:
    """What several reviewers' scores come to: their mean, the lowest, the highest, how far they lie apart."""

    score: Decimal
    lowest: Decimal
    highest: Decimal
    deviation: Decimal


def spread(scores: Sequence[Decimal]) -> Spread | None:
    """Mean and spread of reviews, each counting alike; None where there are none.

    `deviation` is the standard deviation of the population: √(Σ (x − mean)² / n).
    """
    if not scores:
        return None
    mean = sum(scores, Decimal()) / len(scores)
    variance = sum(((score - mean) ** 2 for score in scores), Decimal()) / len(scores)
    return Spread(
        score=mean.quantize(PLACES),
        lowest=min(scores),
        highest=max(scores),
        deviation=variance.sqrt().quantize(PLACES),
    )
