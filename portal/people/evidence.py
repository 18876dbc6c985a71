"""Evidence files: what may be uploaded, told by content, never by name."""

import hashlib
from pathlib import PurePosixPath
from typing import Any

from django.http import FileResponse, Http404
from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput

MOST_BYTES = 10 * 1024 * 1024
# File type → (content type, what the file begins with).
TYPES = {
    "pdf": ("application/pdf", b"%PDF-"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff"),
}


def extension_of(upload: Any) -> str:
    """pdf, png or jpg. Raises InvalidInput (field `evidence`) for anything else: missing, empty, too big."""
    if not upload or not upload.size:
        raise InvalidInput(_("Attach the evidence."), field="evidence", remedy=_("A PDF, PNG or JPEG file."))
    if upload.size > MOST_BYTES:
        raise InvalidInput(
            _("The file has %(size)s MB; at most 10 MB are taken.") % {"size": f"{upload.size / 2**20:.1f}"},
            field="evidence",
            remedy=_("Scan it at a lower resolution, or as greyscale."),
        )
    upload.seek(0)
    start = upload.read(16)
    upload.seek(0)
    for extension, (_content_type, magic) in TYPES.items():
        if start.startswith(magic):
            return extension
    raise InvalidInput(
        _("This file is no PDF, PNG or JPEG, whatever its name says."),
        field="evidence",
        remedy=_("Save or scan the document as PDF, PNG or JPEG and attach that."),
    )


def digest_of(upload: Any) -> str:
    """SHA-256 of the file, for the audit."""
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    return digest.hexdigest()


def response_of(verification: Any) -> FileResponse:
    """The file as a download. Never shown within the portal: it was made by strangers. Raises Http404."""
    extension = PurePosixPath(verification.evidence.name).suffix.lstrip(".")
    try:
        file = verification.evidence.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"{verification.code}.{extension}",
        content_type=TYPES[extension][0],
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
