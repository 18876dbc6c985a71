"""The arithmetic of reviews: scores, spread, fit, proposals, what is struck out."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocations.reviews.blinding import STRUCK, strike
from allocations.reviews.fitting import Candidate, fit_of, keywords_in, proposed, ranked
from allocations.reviews.scoring import spread, weighted_mean

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 100)), min_size=1, max_size=12)
SCORES = st.lists(st.decimals(0, 5, places=3), min_size=1, max_size=12)


def test_the_programmes_weights() -> None:
    weights = (25, 25, 20, 15, 15)
    assert weighted_mean(zip((5, 4, 3, 2, 1), weights, strict=True)) == Decimal("3.300")
    assert weighted_mean(zip((5,) * 5, weights, strict=True)) == 5
    with pytest.raises(ValueError, match="more than nothing"):
        weighted_mean([])


@given(PAIRS, st.randoms())
def test_a_mean_lies_within_its_scores_whatever_their_order(pairs: list[Any], random: Any) -> None:
    mean = weighted_mean(pairs)
    assert min(score for score, _ in pairs) <= mean <= max(score for score, _ in pairs)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert weighted_mean(shuffled) == mean
    # Weights are relative.
    assert weighted_mean([(score, weight * 3) for score, weight in pairs]) == mean


@given(PAIRS)
def test_a_better_score_never_lowers_the_mean(pairs: list[Any]) -> None:
    better = [(min(pairs[0][0] + 1, 5), pairs[0][1]), *pairs[1:]]
    assert weighted_mean(better) >= weighted_mean(pairs)


@given(SCORES, st.randoms())
def test_spread_is_bounded_and_without_order(scores: list[Decimal], random: Any) -> None:
    found = spread(scores)
    assert found is not None
    assert found.lowest <= found.score <= found.highest
    assert 0 <= found.deviation <= (found.highest - found.lowest) / 2 + Decimal("0.001")
    shuffled = list(scores)
    random.shuffle(shuffled)
    assert spread(shuffled) == found


def test_no_reviews_no_spread() -> None:
    assert spread([]) is None
    one = spread([Decimal("3.3")])
    assert one is not None
    assert (one.score, one.deviation) == (Decimal("3.300"), 0)


# --- Fit --------------------------------------------------------------------------------------------
def test_keywords_are_whole_words_in_any_case() -> None:
    text = "Fine-tuning a Speech  Recognition model; اردو زبان کے لیے."
    assert keywords_in(text, ["speech recognition", "model", "tun", "recog", "اردو", ""]) == (
        "speech recognition",
        "model",
        "اردو",
    )


def test_fit_runs_from_nothing_to_a_hundred() -> None:
    assert fit_of(found=0, in_sector=False) == 0
    assert fit_of(found=0, in_sector=True) == 40
    assert fit_of(found=3, in_sector=True) == fit_of(found=30, in_sector=True) == 100


def candidate(code: str, **fields: Any) -> Candidate:
    return Candidate(user=SimpleNamespace(code=code), **{"most_open": 3, **fields})


def test_the_proposal_is_by_fit_then_load_and_never_with_a_conflict() -> None:
    people = [
        candidate("a", fit=100, severity="real"),
        candidate("b", fit=100, severity="potential"),
        candidate("c", fit=100, open_reviews=3),
        candidate("d", fit=100, available=False),
        candidate("e", fit=100, asked=True),
        candidate("f", fit=100, decides=True),
        candidate("g", fit=40, open_reviews=1),
        candidate("h", fit=40),
        candidate("i", fit=60, open_reviews=2),
    ]
    assert [one.user.code for one in proposed(people, 5)] == ["i", "h", "g"]
    assert [one.user.code for one in proposed(people, 1)] == ["i"]
    assert not proposed(people, 0)
    # Who may not be asked stands last.
    assert {one.user.code for one in ranked(people)[-3:]} == {"a", "e", "f"}


# --- What is struck out -----------------------------------------------------------------------------
def test_names_are_struck_out_whole_and_in_any_case() -> None:
    names = ["NED University", "Ayesha Siddiqui", "Siddiqui", "ayesha@ned.example", ""]
    text = "At ned  university, Ayesha Siddiqui (ayesha@ned.example) and Siddiqui et al. trained; untrained."
    assert strike(text, names) == f"At {STRUCK}, {STRUCK} ({STRUCK}) and {STRUCK} et al. trained; untrained."
    assert strike("Nothing here.", []) == "Nothing here."
    assert strike("Pipeline", ["Pi"]) == "Pipeline"
