"""What is attached to a request: small PDFs, for those who see it."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from allocations.programme.models import Attachment
from tests.cast import Cast
from tests.filling import text
from tests.requesting import draft, fund

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def pdf(content: bytes = PDF, name: str = "Plan.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def test_attached_listed_read_and_taken_away(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/papers/"
    body = {"ai_risk": "limited", "file": pdf(), "attach": "1"}
    assert client.post(address, body).url == address
    attachment = Attachment.objects.get()
    assert (attachment.title, attachment.size) == ("Plan", len(PDF))
    assert "Plan" in text(client.get(address))
    request.refresh_from_db()
    assert request.ai_risk == "limited"  # what was declared isn't lost by attaching
    file = f"/requests/{request.code}/attachments/{attachment.code}/"
    reply = client.get(file)
    assert b"".join(reply.streaming_content) == PDF
    assert reply["Content-Disposition"].startswith("attachment")
    assert web(cast.outsider).get(file).status_code == 404
    web(cast.pi).post(address, {"remove": attachment.code})
    assert web(cast.pi).get(file).status_code == 404
    assert Attachment.objects.get().removed_at is not None


@pytest.mark.parametrize(
    ("upload", "complaint"),
    [
        (None, "Attach a file."),
        (pdf(b"MZ\x90"), "no PDF"),
        (pdf(PDF + b"0" * (10 * 2**20)), "at most 10 MB"),
    ],
)
def test_what_is_no_small_pdf_is_refused(cast: Cast, web: Any, upload: Any, complaint: str) -> None:
    request = draft(cast)
    body = {"ai_risk_note": "We look.", "attach": "1"} | ({"file": upload} if upload else {})
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/papers/", body)
    assert reply.status_code == 422
    assert complaint in text(reply)
    assert "We look." in text(reply)
    assert not Attachment.objects.exists()
