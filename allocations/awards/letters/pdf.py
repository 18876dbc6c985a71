"""A letter as PDF. Fonts are our own: no machine needs any installed."""

import json
from pathlib import Path

import qrcode
import typst
from django.utils import translation
from qrcode.image.svg import SvgPathImage

from allocations.awards.letters.words import address_of, letter_words
from allocations.awards.models import Letter

HERE = Path(__file__).parent


def letter_pdf(letter: Letter, *, language: str) -> bytes:
    """The letter in `language` (`en` or `ur`). The same letter gives the same bytes."""
    with translation.override(language):
        words = letter_words(letter)
    code = qrcode.make(address_of(letter), image_factory=SvgPathImage, border=0)
    return typst.compile(
        HERE / "letter.typ",
        root=HERE,
        font_paths=[HERE / "fonts"],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"letter": json.dumps(words), "code": code.to_string(encoding="unicode")},
        timestamp=letter.issued_at.replace(microsecond=0),
    )
