"""What a letter says, in the active language: plain data for its layout."""

import unicodedata
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from allocations.awards.models import Award, Letter
from portal.foundation import clock
from portal.foundation.formats import hours


@dataclass(frozen=True)
class Words:
    """Somebody's own words, with the direction (`ltr` or `rtl`) in which they run."""

    text: str
    direction: str


def letter_words(letter: Letter) -> dict[str, Any]:
    """Everything that stands in the letter, JSON-ready."""
    award = letter.award
    return {
        "language": get_language(),
        "title": _("Award of GPU-hours"),
        "authority": asdict(_own(settings.AUTHORITY_NAME)),
        "portal": _("Taqseem: national AI compute"),
        "issued": _("Issued on %(day)s") % {"day": _day(clock.day_of(letter.issued_at))},
        "opening": _("The following use of national compute has been awarded:"),
        "facts": [{"label": label, **asdict(_own(value))} for label, value in _facts(letter) if value],
        "conditions_title": _("Conditions"),
        "conditions": [asdict(_own(line)) for line in [*conditions_of(award), *_terms()]],
        "check": _("Anybody can check this letter: open the address below, or enter the code there."),
        "code_label": _("Verification code"),
        "code": letter.code,
        "address": address_of(letter),
        "unsigned": _("Written by the portal; valid without a signature."),
        "illustrative": _("ILLUSTRATIVE: demonstration data, no real award")
        if award.allocation.project.illustrative
        else "",
    }


def address_of(letter: Letter) -> str:
    """Where anybody can check it."""
    return settings.PUBLIC_URL + letter.get_absolute_url()


def conditions_of(award: Award) -> list[str]:
    """What the decision asks of the project, line by line; nothing for awards without a decision."""
    decision = _decision_of(award)
    return [line.strip() for line in decision.conditions.splitlines() if line.strip()] if decision else []


def _decision_of(award: Award) -> Any:
    """The decision is another room's, further up: it says which awards fulfil it."""
    fulfilment = getattr(award, "fulfilment", None)
    return fulfilment.decision if fulfilment else None


def _terms() -> list[str]:
    """What holds for every award."""
    return [
        _("The terms of use of the portal hold for this award."),
        _("GPU-hours that aren't used by the last day lapse. They are no money and can't be sold."),
        _("What has become of the award since then, the address below tells."),
    ]


def _facts(letter: Letter) -> list[tuple[str, str]]:
    award, decision = letter.award, _decision_of(letter.award)
    period = _("%(first)s to %(last)s") % {"first": _day(award.starts_on), "last": _day(award.ends_on)}
    return [
        (_("Award"), award.code),
        (_("Request"), decision.request.code if decision else ""),
        (_("Organisation"), letter.organisation),
        (_("Project"), letter.project),
        (_("Principal investigator"), letter.investigator),
        (_("Resource"), letter.resource),
        (_("Site"), letter.site),
        (_("GPU-hours"), hours(award.gpu_seconds)),
        (_("Period"), period),
        (_("Decided on"), _day(clock.day_of(award.created_at))),
        (_("Reason"), str(decision.get_reason_code_display()) if decision else ""),
    ]


def _day(day: date) -> str:
    return date_format(day, "j F Y")


def _own(text: str) -> Words:
    """The direction is that of the first letter that has one."""
    first = next((kind for kind in map(unicodedata.bidirectional, text) if kind in {"L", "R", "AL"}), "L")
    return Words(text, "ltr" if first == "L" else "rtl")
