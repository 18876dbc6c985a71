"""What proves an organisation's identity, by class: the kinds of identifier and how each is written.

A well-formed identifier is not a verified one: these checks only catch slips of the pen.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.errors import InvalidInput
from portal.foundation.text import fold_digits, fold_line
from portal.people.models import Organisation

Kind = Organisation.Kind
# One label of a host name with its dot, as identifiers and recognised domains are made of.
LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\."
DOMAIN = re.compile(rf"(?:{LABEL})+[a-z]{{2,}}")


@dataclass(frozen=True)
class IdentifierKind:
    """`pattern` holds for the folded text in lower case; `remedy` tells how to write it."""

    code: str
    label: Any
    organisation_kind: str
    pattern: re.Pattern[str]
    remedy: Any
    evidence: Any


KINDS = {
    kind.code: kind
    for kind in (
        IdentifierKind(
            code="cuin",
            label=gettext_lazy("SECP registration number (CUIN)"),
            organisation_kind=Kind.STARTUP,
            pattern=re.compile(r"\d{7}"),
            remedy=gettext_lazy(
                "A CUIN is 7 digits, such as 0012345, as on the certificate of incorporation."
            ),
            evidence=gettext_lazy("The SECP certificate of incorporation."),
        ),
        IdentifierKind(
            code="ntn",
            label=gettext_lazy("National Tax Number (NTN)"),
            organisation_kind=Kind.STARTUP,
            pattern=re.compile(r"\d{7}(-\d)?"),
            remedy=gettext_lazy("An NTN is 7 digits, maybe with a check digit: 1234567 or 1234567-8."),
            evidence=gettext_lazy("The FBR registration certificate."),
        ),
        IdentifierKind(
            code="hec",
            label=gettext_lazy("Domain in HEC's list of recognised institutions"),
            organisation_kind=Kind.ACADEMIC,
            pattern=re.compile(rf"(?:{LABEL})+pk"),
            remedy=gettext_lazy(
                "Write the institution's own domain as HEC lists it, such as university.edu.pk."
            ),
            evidence=gettext_lazy("The HEC recognition letter or charter."),
        ),
        IdentifierKind(
            code="gov",
            label=gettext_lazy("Official address of the focal person"),
            organisation_kind=Kind.AGENCY,
            pattern=re.compile(rf"[^@\s]+@(?:{LABEL})*gov\.pk"),
            remedy=gettext_lazy(
                "Write an address that ends in gov.pk, such as focal.person@ministry.gov.pk."
            ),
            evidence=gettext_lazy("The letter that names the focal person, on letterhead, signed."),
        ),
    )
}


def kinds_for(organisation_kind: str) -> list[IdentifierKind]:
    """The kinds of identifier that an organisation of this class may give."""
    return [kind for kind in KINDS.values() if kind.organisation_kind == organisation_kind]


def label_of(code: str) -> str:
    """What people call this kind."""
    return str(KINDS[code].label) if code in KINDS else code


def checked(*, organisation_kind: str, kind: str, text: str) -> str:
    """The identifier as it is kept. Raises InvalidInput where kind and class, or text and kind, don't fit."""
    known = KINDS.get(kind)
    if known is None or known.organisation_kind != organisation_kind:
        names = ", ".join(str(fitting.label) for fitting in kinds_for(organisation_kind))
        raise InvalidInput(
            _("This kind of identifier doesn't fit the organisation's class."),
            field="identifier_kind",
            remedy=_("Choose one of: %(names)s.") % {"names": names},
        )
    folded = fold_digits(fold_line(text)).lower()
    if not known.pattern.fullmatch(folded):
        raise InvalidInput(
            _("“%(text)s” isn't written like this kind of identifier.") % {"text": text},
            field="identifier",
            remedy=known.remedy,
        )
    return folded
