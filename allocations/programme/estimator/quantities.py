"""Large amounts as people write them: 7B, 200 M, 1.5 trillion, 3e9."""

import re
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from portal.foundation.text import fold_digits

FACTORS = {
    "": 1,
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "million": 10**6,
    "lakh": 10**5,
    "crore": 10**7,
    "b": 10**9,
    "bn": 10**9,
    "g": 10**9,
    "billion": 10**9,
    "t": 10**12,
    "trillion": 10**12,
}
SHAPE = re.compile(r"^([0-9][0-9,٬_ ]*(?:[.٫][0-9]+)?(?:e[+]?[0-9]{1,2})?)\s*([a-z]*)$")
MOST = 10**18


def parse_quantity(text: str) -> float:
    """`text` as a number. Raises InvalidInput for what is no positive number with a known unit."""
    found = SHAPE.match(fold_digits(text).strip().lower())
    if not found or found[2] not in FACTORS:
        raise _unreadable()
    digits = re.sub(r"[,٬_ ]", "", found[1]).replace("٫", ".")
    try:
        value = Decimal(digits) * FACTORS[found[2]]
    except InvalidOperation as error:
        raise _unreadable() from error
    if not 0 < value <= MOST:
        raise InvalidInput(_("This number is out of range."), remedy=_("Check its unit: K, M, B or T."))
    return float(value)


def short(value: float) -> str:
    """A large number in three digits: 7B, 200M, 1.5T."""
    for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}"


def _unreadable() -> InvalidInput:
    return InvalidInput(
        _("This isn't a number."), remedy=_("Write digits and a unit, such as 7B, 200 M or 1.5T.")
    )
