"""The letter as an answer to a request: one for page and API."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from allocations.awards.letters.pdf import letter_pdf
from allocations.awards.models import Award
from allocations.awards.services.letters import letter_issue
from portal.foundation.errors import InvalidInput


def pdf_response(viewer: Any, award: Award, language: str) -> HttpResponse:
    """The letter of `award`, which `viewer` may see, as a file. An empty `language` is that of the request.

    Raises InvalidInput (field `lang`) for a language that letters don't have.
    """
    language = language or get_language() or settings.LANGUAGE_CODE
    if language not in dict(settings.LANGUAGES):
        raise InvalidInput(
            _("Letters aren't written in “%(language)s”.") % {"language": language},
            field="lang",
            remedy=_("Use one of: %(languages)s.") % {"languages": ", ".join(dict(settings.LANGUAGES))},
        )
    letter = letter_issue(actor=viewer, award=award)
    return HttpResponse(
        letter_pdf(letter, language=language),
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{award.code}-{language}.pdf"',
            "Cache-Control": "private, no-store",
        },
    )
