"""PDFs that people hand in: what is taken, told by content and never by name, and how they are given out."""

from pathlib import PurePosixPath
from typing import Any

from django.http import FileResponse, Http404
from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from portal.foundation.text import fold_line
from portal.people.evidence import digest_of

__all__ = ["MOST_BYTES", "digest_of", "require_pdf", "response_of", "title_of"]

MOST_BYTES = 10 * 1024 * 1024
MAGIC = b"%PDF-"


def require_pdf(upload: Any, *, field: str = "file") -> None:
    """Raises InvalidInput unless `upload` is a PDF of at most 10 MB."""
    if not upload or not upload.size:
        raise InvalidInput(_("Attach a file."), field=field, remedy=_("A PDF of at most 10 MB."))
    if upload.size > MOST_BYTES:
        raise InvalidInput(
            _("The file has %(size)s MB; at most 10 MB are taken.") % {"size": f"{upload.size / 2**20:.1f}"},
            field=field,
            remedy=_("Save it with smaller pictures, or in parts."),
        )
    upload.seek(0)
    start = upload.read(len(MAGIC))
    upload.seek(0)
    if start != MAGIC:
        raise InvalidInput(
            _("This file is no PDF, whatever its name says."),
            field=field,
            remedy=_("Save or print the document as PDF and attach that."),
        )


def title_of(upload: Any) -> str:
    """The file's name without its ending, as a title."""
    return fold_line(PurePosixPath(upload.name or "").stem)[:160] or _("Attachment")


def response_of(file: Any, *, name: str) -> FileResponse:
    """The PDF as a download. Never shown within the portal: it was made by strangers. Raises Http404."""
    try:
        content = file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(
        content, as_attachment=True, filename=f"{name}.pdf", content_type="application/pdf"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
