"""Tracks, rubrics and calls over the API: read without a token, written by admins, decided together."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from allocations.programme import services
from allocations.programme.models import Call, Rubric, Track
from tests.calling import call_text, close, drafted_call, open_call, plain_call, within
from tests.cast import Cast
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db

AT = "/api/v1"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def sent_call(**fields: Any) -> dict[str, Any]:
    found = call_text(**fields)
    return {**found, "track": found["track"].code}


def test_anybody_reads(cast: Cast, api: Any) -> None:
    hidden, shown = drafted_call(cast), open_call(cast)
    visitor = api(None)
    tracks = visitor.get(f"{AT}/tracks/").json()
    large = next(track for track in tracks["results"] if track["code"] == "large")
    assert large["in_force"]["needs_call"] is True
    assert [step["kind"] for step in large["in_force"]["steps"]][-1] == "decision"
    assert visitor.get(f"{AT}/tracks/large/versions/").json()["results"][0]["made_by"] == "installation"
    assert visitor.get(f"{AT}/rubrics/{Rubric.objects.get().code}/").json()["criteria"][0]["weight"] == 25
    calls = visitor.get(f"{AT}/calls/?state=open&track=large").json()
    assert [call["code"] for call in calls["results"]] == [shown.code]
    assert visitor.get(f"{AT}/calls/{hidden.code}/").status_code == 404
    assert visitor.get(f"{AT}/calls/{shown.code}/").json()["results"] is None
    assert visitor.post(f"{AT}/calls/{shown.code}/publish/").status_code == 401


def test_an_admin_changes_a_track(cast: Cast, api: Any) -> None:
    machine = api(cast.admin)
    sent = {
        "max_gpu_seconds": 900 * HOUR,
        "steps": [{"kind": "decision", "roles": ["council"], "persons": 2, "working_days": 3}],
        "note": "Two persons now.",
        "after": 1,
    }
    address = f"{AT}/tracks/standard/versions/"
    made = machine.post(address, sent, format="json")
    assert made.status_code == 201, made.content
    assert (made.json()["number"], made.json()["made_by"]) == (2, "admin")
    assert machine.post(address, sent, format="json").status_code == 409
    wrong = {**sent, "after": 2, "steps": [{"kind": "decision", "roles": ["king"]}]}
    assert machine.post(address, wrong, format="json").status_code == 400
    closing = {"is_open": False, "reason": "Full."}
    assert machine.post(f"{AT}/tracks/standard/opening/", closing, format="json").json()["is_open"] is False
    rubric = {"name_en": "R", "criteria": [{"code": "m", "name_en": "M", "weight": 100}]}
    assert machine.post(f"{AT}/rubrics/", rubric, format="json").status_code == 201
    rubric["criteria"][0]["weight"] = 99  # type: ignore[index]
    assert machine.post(f"{AT}/rubrics/", rubric, format="json").status_code == 400


def test_a_call_from_the_first_word_to_the_results(cast: Cast, api: Any) -> None:
    admin = api(cast.admin)
    made = admin.post(f"{AT}/calls/", sent_call(), format="json")
    assert made.status_code == 201, made.content
    assert made.json()["state"] == "draft"
    at = f"{AT}/calls/{made.json()['code']}"
    assert admin.patch(f"{at}/", {"title_en": "Sindhi"}, format="json").json()["title_en"] == "Sindhi"
    bound = {"resource": cast.resource.code, "gpu_seconds": 150 * HOUR}
    assert admin.post(f"{at}/budget/", bound, format="json").json()["budgets"] == [bound]
    upload = {"file": SimpleUploadedFile("call.pdf", b"%PDF-1.4")}
    document = admin.post(f"{at}/documents/", upload, format="multipart").json()["code"]
    assert api(None).get(f"{at}/documents/{document}/").status_code == 404
    assert admin.post(f"{at}/publish/").json()["state"] == "open"
    assert admin.post(f"{at}/publish/").status_code == 409
    assert api(None).get(f"{at}/documents/{document}/").status_code == 200
    assert admin.delete(f"{at}/documents/{document}/").status_code == 204
    close(Call.objects.get())
    results = admin.post(f"{at}/publish-results/").json()["results"]
    assert results == {"granted": [], "declined": 0}


def test_deciding_together(cast: Cast, api: Any) -> None:
    call = plain_call(cast)
    services.call_budget_set(actor=cast.admin, call=call, resource=cast.resource, gpu_seconds=150 * HOUR)
    one, two = within(cast, call), within(cast, call)
    rows = [{"request": one.code, "outcome": "approved"}, {"request": two.code, "outcome": "approved"}]
    address = f"{AT}/calls/{call.code}/decide/"
    for user in (cast.pi, cast.site_manager, cast.auditor):
        assert api(user).post(address, {"rows": rows}, format="json").status_code == 403
    told = api(cast.council).post(address, {"rows": rows}, format="json").json()
    assert [(row["request"], row["error"]) for row in told] == [(one.code, None), (two.code, "over_budget")]
    assert "left" in told[1]["detail"]


def test_nobody_else_writes(cast: Cast, api: Any) -> None:
    call = open_call(cast)
    for user in (cast.council, cast.pi, cast.auditor):
        machine = api(user)
        at = f"{AT}/calls/{call.code}"
        replies = [
            machine.post(f"{AT}/calls/", sent_call(), format="json"),
            machine.patch(f"{at}/", {"title_en": "Mine"}, format="json"),
            machine.post(f"{at}/publish/"),
            machine.post(f"{at}/publish-results/"),
            machine.post(f"{at}/documents/"),
            machine.post(f"{at}/budget/", {"resource": cast.resource.code, "gpu_seconds": 1}, format="json"),
            machine.post(f"{AT}/tracks/large/versions/", {}, format="json"),
            machine.post(f"{AT}/tracks/large/opening/", {"is_open": False, "reason": "R"}, format="json"),
        ]
        assert {reply.status_code for reply in replies} == {403}
    assert Call.objects.count() == 1
    assert Track.objects.get(code="large").versions.count() == 1
