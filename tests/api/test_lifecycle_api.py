"""Changes, reports and appeals over the API."""

from typing import Any

import pytest

from allocations.ledger.selectors import balances
from allocations.lifecycle import services
from tests.cast import Cast
from tests.lifecycling import allocated, ask, decider, in_quarter, strict_track
from tests.requesting import HOUR, declined

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def test_a_change_asked_for_and_decided(cast: Cast, api: Any) -> None:
    allocation = allocated(cast)
    body = {"allocation": allocation.code, "verb": "more", "gpu_hours": "300", "reason": "More runs."}
    assert api(cast.outsider).post(f"{V1}/changes/", body, format="json").status_code == 400
    assert api(cast.member).post(f"{V1}/changes/", body, format="json").status_code == 403
    made = api(cast.pi).post(f"{V1}/changes/", body, format="json")
    assert made.status_code == 201
    told = made.json()
    assert (told["kind"], told["state"], told["actions"]) == ("supplement", "requested", ["withdraw"])
    address = f"{V1}/changes/{told['code']}/"
    assert api(cast.outsider).get(address).status_code == 404
    assert api(cast.council).get(address).json()["actions"] == ["decide"]
    refused = api(cast.pi).post(f"{address}decide/", {"outcome": "approved"}, format="json")
    assert refused.status_code == 403
    reply = api(cast.council).post(f"{address}decide/", {"outcome": "approved"}, format="json")
    assert (reply.status_code, reply.json()["state"]) == (200, "approved")
    assert balances(allocation.code).available == 700 * HOUR
    again = api(decider("late")).post(f"{address}decide/", {"outcome": "approved"}, format="json")
    assert again.status_code == 409


def test_what_a_rule_grants_is_done(cast: Cast, api: Any) -> None:
    allocation = allocated(cast)
    for body in (
        {"verb": "longer", "ends_on": str(in_quarter(9))},
        {"verb": "give_back", "gpu_hours": "10"},
    ):
        sent = {"allocation": allocation.code, "reason": "So.", **body}
        reply = api(cast.pi).post(f"{V1}/changes/", sent, format="json")
        assert reply.json()["state"] in {"approved", "done"}, reply.json()
    sent = {"allocation": allocation.code, "verb": "give_back", "gpu_hours": "1000", "reason": "So."}
    refused = api(cast.pi).post(f"{V1}/changes/", sent, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "over_available")
    listed = api(cast.pi).get(f"{V1}/changes/", {"allocation": allocation.code, "kind": "extension"}).json()
    assert listed["count"] == 1


def test_withdrawn_by_who_leads(cast: Cast, api: Any) -> None:
    change = ask(cast, allocated(cast), "more", gpu_seconds=300 * HOUR)
    address = f"{V1}/changes/{change.code}/withdraw/"
    assert api(cast.council).post(address).status_code == 403
    assert api(cast.pi).post(address).json()["state"] == "withdrawn"


def test_a_report_written_and_answered(cast: Cast, api: Any) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    services.reports_plan(allocation=allocation)
    listed = api(cast.pi).get(f"{V1}/allocation-reports/", {"allocation": allocation.code}).json()
    address = f"{V1}/allocation-reports/{listed['results'][0]['code']}/"
    assert api(cast.outsider).get(address).status_code == 404
    assert api(cast.member).post(f"{address}write/", {"results": "x"}, format="json").status_code == 403
    sent = {"results": "It learns.", "people_trained": 2, "submit": True}
    assert api(cast.pi).post(f"{address}write/", sent, format="json").json()["state"] == "submitted"
    answer = {"outcome": "accepted"}
    assert api(cast.council).post(f"{address}answer/", answer, format="json").status_code == 403
    assert api(cast.admin).post(f"{address}answer/", answer, format="json").json()["state"] == "accepted"
    assert balances(allocation.code).available == 400 * HOUR


def test_an_appeal_filed_and_decided(cast: Cast, api: Any) -> None:
    request = declined(cast)
    body = {"request": request.code, "grounds": "Read it again."}
    assert api(cast.outsider).post(f"{V1}/appeals/", body, format="json").status_code == 400
    assert api(cast.member).post(f"{V1}/appeals/", body, format="json").status_code == 403
    assert api(cast.pi).post(f"{V1}/appeals/", {"grounds": "x"}, format="json").status_code == 400
    made = api(cast.pi).post(f"{V1}/appeals/", body, format="json")
    assert made.status_code == 201
    address = f"{V1}/appeals/{made.json()['code']}/"
    assert api(cast.outsider).get(address).status_code == 404
    word = {"outcome": "dismissed", "reason": "It was read rightly."}
    assert api(cast.council).post(f"{address}decide/", word, format="json").status_code == 403
    assert api(cast.admin).post(f"{address}decide/", word, format="json").json()["state"] == "dismissed"
    assert api(cast.pi).post(f"{address}withdraw/").status_code == 409
