"""The committed OpenAPI document is the one that the code makes, and it says nothing false of errors."""

from pathlib import Path

import pytest
from django.core.management import call_command

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"


def test_the_committed_document_is_current(tmp_path):
    """Mend it with `manage.py spectacular --file docs/openapi.yaml`."""
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(fresh))
    assert fresh.read_text() == DOCUMENT.read_text()


@pytest.mark.django_db
def test_errors_are_the_documents_that_the_schema_promises(api, cast):
    answer = api(cast.outsider).get(f"/api/v1/projects/{cast.project.code}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) >= {"type", "title", "status", "code", "errors", "request_id"}


@pytest.mark.django_db
def test_the_documentation_can_be_read_without_a_token(client):
    assert client.get("/api/v1/docs/").status_code == 200
    assert client.get("/api/v1/schema/").status_code == 200
