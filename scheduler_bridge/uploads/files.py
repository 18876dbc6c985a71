"""Giving files back: the original as it was signed, and the rows that are to be corrected."""

import csv
from typing import Any

from django.http import HttpResponse

from portal.foundation.text import harmless
from scheduler_bridge.models import UsageUpload


def original_of(upload: UsageUpload) -> HttpResponse:
    """To the byte what was uploaded, so that its signature still verifies."""
    return _download(bytes(upload.content), f"{upload.code}.csv")


def signature_of(upload: UsageUpload) -> HttpResponse:
    return _download(bytes(upload.signature), f"{upload.code}.csv.sig")


def faults_of(upload: UsageUpload, faults: list[dict[str, Any]]) -> HttpResponse:
    """A table of what is wrong: line, run, column, and what to do."""
    reply = _download(b"", f"{upload.code}-to-correct.csv")
    reply["Content-Type"] = "text/csv; charset=utf-8"
    writer = csv.writer(reply)
    columns = ["row", "run_id", "column", "message", "remedy"]
    writer.writerow(columns)
    writer.writerows([harmless(str(fault[name])) for name in columns] for fault in faults)
    return reply


def _download(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)
