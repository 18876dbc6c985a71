"""Typed text in one form: digits of Urdu and Arabic keyboards, look-alike letters, bidi tricks."""

import unicodedata
from typing import Any

_DIGITS = {ord(digit): str(number % 10) for number, digit in enumerate("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩")}
# Arabic keyboards type another yeh and kaf than Urdu ones; people mean the same word.
_LETTERS = {ord("ي"): "ی", ord("ى"): "ی", ord("ك"): "ک"}
# Embeddings, overrides and isolates can make a line read as something else than what it holds.
_BIDI = dict.fromkeys((*range(8234, 8239), *range(8294, 8298), 8206, 8207))

# What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def fold_digits(text: str) -> str:
    """`text` with ۰–۹ and ٠–٩ as 0–9."""
    return text.translate(_DIGITS)


def fold_line(text: str) -> str:
    """One line in NFC: single blanks, no bidi controls, Urdu's own yeh and kaf."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_BIDI | _LETTERS).split())


def without_bidi_controls(text: str) -> str:
    """`text` without the characters that turn its reading direction round."""
    return text.translate(_BIDI)


def harmless(value: Any) -> Any:
    """People's words in a cell of a CSV, such as a project's title, as words: an apostrophe keeps them from
    being a formula, and what would turn the reading direction round is left out. Numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    value = without_bidi_controls(value)
    return f"'{value}" if value.startswith(_FORMULA) else value
