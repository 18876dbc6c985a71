"""The PDFs that are handed in with a request: added and taken away while it may be written."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme import papers
from allocations.programme.models import AllocationRequest, Attachment
from allocations.programme.services._gate import locked
from allocations.programme.services.writing import writable
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotVisible
from portal.foundation.services import audit
from portal.people.models import User

MOST = 10


@transaction.atomic
def attachment_add(
    *, actor: User, request: AllocationRequest, title: str, upload: Any, anonymous: bool = False
) -> Attachment:
    """Keep a PDF with the request. Raises InvalidInput (title, file), NotAllowed, IllegalState."""
    request = writable(actor, request)
    if request.attachments.filter(removed_at__isnull=True).count() >= MOST:
        raise InvalidInput(
            _("A request takes at most %(most)s attachments.") % {"most": MOST},
            field="file",
            remedy=_("Take one away, or put several into one PDF."),
        )
    papers.require_pdf(upload)
    attachment = Attachment(
        request=request,
        title=title.strip() or papers.title_of(upload),
        size=upload.size,
        sha256=papers.digest_of(upload),
        anonymous=anonymous,
        uploaded_by=actor,
    )
    attachment.file.save("attachment.pdf", upload, save=False)
    attachment.save()
    audit.record(
        actor=actor,
        action="attachment_add",
        target=request,
        after={"attachment": attachment.code, **attachment.snapshot("title", "size", "sha256", "anonymous")},
    )
    return attachment


@transaction.atomic
def attachment_remove(*, actor: User, attachment: Attachment) -> None:
    """Take an attachment away; it stays on record. Raises NotAllowed, IllegalState, NotVisible."""
    request = writable(actor, locked(attachment.request))
    attachment = Attachment.objects.select_for_update().get(pk=attachment.pk)
    if attachment.removed_at:
        raise NotVisible
    attachment.removed_at = clock.now()
    attachment.store("removed_at")
    audit.record(
        actor=actor,
        action="attachment_remove",
        target=request,
        before={"attachment": attachment.code, "title": attachment.title},
    )
