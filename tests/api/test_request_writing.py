"""Requests written over the API: everything that the form can."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from allocations.programme.models import Attachment
from portal.foundation import clock
from portal.people.models import TermsVersion
from portal.people.selectors import has_consented
from tests.cast import Cast
from tests.requesting import HOUR, draft, fund

pytestmark = pytest.mark.django_db
REQUESTS = "/api/v1/requests/"
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def body(cast: Cast, **fields: Any) -> dict[str, Any]:
    today = clock.today()
    return {
        "project": cast.project.code,
        "lines": [
            {"resource": cast.resource.code, "gpu_hours": 120},
            {"any_suitable": True, "gpu_hours": "60.5"},
        ],
        "runs": [{"model": "Urdu speech", "gpus": 8, "hours": 7.5, "runs": 3}],
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=9)),
        "justification": "Three runs.",
        "ai_risk": "limited",
        "checkpointing": "yes",
        **fields,
    }


def test_a_draft_with_lines_and_runs(cast: Cast, api: Any) -> None:
    pi = api(cast.pi)
    made = pi.post(REQUESTS, body(cast), format="json")
    assert made.status_code == 201, made.json()
    told = made.json()
    assert [(line["resource"], line["any_suitable"], line["gpu_seconds"]) for line in told["lines"]] == [
        (cast.resource.code, False, 120 * HOUR),
        (None, True, 217_800),
    ]
    assert told["runs"][0]["gpu_seconds"] == 180 * HOUR
    one = f"{REQUESTS}{told['code']}/"
    changed = pi.patch(one, {"runs": [], "flexible": False}, format="json").json()
    assert (changed["runs"], changed["flexible"], len(changed["lines"])) == ([], False, 2)
    assert changed["justification"] == "Three runs."


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": [{"gpu_hours": 0}]}, "lines.0.gpu_hours"),
        ({"lines": [{"resource": "ned-h100"}, {"resource": "ned-h100"}]}, "lines"),
        ({"lines": [{"gpu_hours": 1, "by_quarter": {"soon": 1}}]}, "by_quarter"),
        ({"runs": [{"model": "X", "gpus": 0, "hours": 1}]}, "runs.0.gpus"),
        ({"ai_risk": "none"}, "ai_risk"),
        ({"renews": "all-0000000000"}, "renews"),
    ],
)
def test_what_cant_be_right_names_its_field(cast: Cast, api: Any, change: Any, field: str) -> None:
    reply = api(cast.pi).post(REQUESTS, body(cast, **change), format="json")
    assert reply.status_code == 400
    assert field in {error["field"] for error in reply.json()["errors"]}


def test_attach_read_and_take_away(cast: Cast, api: Any) -> None:
    pi, one = api(cast.pi), f"{REQUESTS}{draft(cast).code}/"
    file = SimpleUploadedFile("Plan.pdf", PDF)
    made = pi.post(f"{one}attachments/", {"file": file, "title": "The plan"}, format="multipart")
    assert made.status_code == 201, made.json()
    paper = f"{one}attachments/{made.json()['code']}/"
    assert b"".join(pi.get(paper).streaming_content) == PDF
    assert pi.get(one).json()["attachments"][0]["title"] == "The plan"
    for stranger in (cast.outsider, cast.council):  # a draft is the project's own
        assert api(stranger).get(paper).status_code == 404
        assert api(stranger).delete(paper).status_code == 404
    assert api(cast.member).delete(paper).status_code == 403
    assert pi.delete(paper).status_code == 204
    assert pi.get(paper).status_code == 404
    assert pi.get(one).json()["attachments"] == []
    refused = pi.post(f"{one}attachments/", {"file": SimpleUploadedFile("a.pdf", b"MZ")}, format="multipart")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "file"
    assert Attachment.objects.count() == 1


def test_submitting_with_consent(cast: Cast, api: Any) -> None:
    TermsVersion.objects.create(number=99, text_en="Be fair.", text_ur="انصاف۔", in_force_from=clock.today())
    pi = api(cast.pi)
    one = f"{REQUESTS}{pi.post(REQUESTS, body(cast), format='json').json()['code']}/"
    refused = pi.post(f"{one}submit/")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "consent")
    assert pi.post(f"{one}submit/", {"consent": True}, format="json").status_code == 200
    assert has_consented(cast.pi)
