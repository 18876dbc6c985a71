"""Quotas, programmes and outages over the API: by who may, and by who may not."""

from datetime import timedelta

import pytest

from allocations.awards.quotas.models import Quota
from datacenters.models import Outage
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.people.models import OrganisationEndorsement, Programme
from tests.cast import Cast

pytestmark = pytest.mark.django_db
NOW = str(Quarter.of(clock.today()))
QUOTA = {
    "kind": "floor",
    "dimension": "class",
    "value": "startup",
    "percent": "25",
    "from_quarter": NOW,
    "reason": "Policy",
}


def test_an_admin_sets_changes_and_ends_a_quota(cast: Cast, api) -> None:
    client = api(cast.admin)
    made = client.post("/api/v1/quotas/", QUOTA, format="json")
    assert made.status_code == 201, made.json()
    first = made.json()
    assert (first["enforced"], first["percent"], first["resource"]) == (False, 25.0, None)
    assert first["shares"][0] == {
        "quarter": NOW,
        "target": 2_500 * 3600,
        "granted": 0,
        "left": 2_500 * 3600,
        "kept": 0,
    }
    change = {"gpu_seconds": 3600, "from_quarter": NOW, "enforced": True, "reason": "Now it counts"}
    second = client.post(f"/api/v1/quotas/{first['code']}/change/", change, format="json").json()
    assert (second["gpu_seconds"], second["enforced"]) == (3600, True)
    rows = client.get(f"/api/v1/quotas/{second['code']}/history/").json()
    assert [row["code"] for row in rows] == [second["code"], first["code"]]
    assert client.post(f"/api/v1/quotas/{second['code']}/end/", {"reason": "Over"}).status_code == 200
    assert client.get("/api/v1/quotas/").json()["count"] == 0


def test_faults_name_their_field(cast: Cast, api) -> None:
    answer = api(cast.admin).post("/api/v1/quotas/", {**QUOTA, "value": "circus"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "value"
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("who", ["pi", "council", "auditor", "outsider"])
def test_others_only_read_quotas(cast: Cast, api, who: str) -> None:
    quota = api(cast.admin).post("/api/v1/quotas/", QUOTA, format="json").json()
    client = api(getattr(cast, who))
    assert client.get(f"/api/v1/quotas/{quota['code']}/").status_code == 200
    assert client.post("/api/v1/quotas/", QUOTA, format="json").status_code == 403
    ended = client.post(f"/api/v1/quotas/{quota['code']}/end/", {"reason": "Mine"}, format="json")
    assert ended.status_code == 403
    assert Quota.objects.get().ended_at is None
    assert api(None).get("/api/v1/quotas/").status_code == 401


def test_programmes_and_what_they_stand_for(cast: Cast, api) -> None:
    client = api(cast.admin)
    fields = {"kind": "zone", "name_en": "Zone", "coordinators": ["council@example.pk"]}
    made = client.post("/api/v1/programmes/", fields, format="json")
    assert made.status_code == 201, made.json()
    path = f"/api/v1/programmes/{made.json()['code']}/"
    assert client.patch(path, {"name_ur": "زون"}, format="json").json()["coordinators"] == ["Council"]
    asked = {"organisation": cast.organisation.code}
    assert api(cast.pi).post(f"{path}endorse/", asked, format="json").status_code == 403
    endorsed = api(cast.council).post(f"{path}endorse/", asked, format="json")
    assert endorsed.status_code == 201, endorsed.json()
    assert endorsed.json()["endorsed"] == cast.organisation.code
    assert api(cast.council).post(f"{path}endorse/", {}, format="json").status_code == 400
    gone = {"endorsement": endorsed.json()["code"], "reason": "Moved"}
    assert api(cast.outsider).post(f"{path}withdraw/", gone, format="json").status_code == 403
    assert api(cast.council).post(f"{path}withdraw/", gone, format="json").status_code == 204
    assert OrganisationEndorsement.objects.get().withdrawn_by == cast.council
    assert api(cast.council).post(f"{path}close/", {"reason": "x"}, format="json").status_code == 403
    assert client.post(f"{path}close/", {"reason": "Merged"}, format="json").json()["closed_at"]
    assert api(cast.outsider).post("/api/v1/programmes/", fields, format="json").status_code == 403
    assert Programme.objects.count() == 1


def test_outages_by_who_runs_the_site(cast: Cast, api) -> None:
    start = clock.now() - timedelta(hours=2)
    fields = {
        "site": cast.site.code,
        "resource": cast.resource.code,
        "kind": "unplanned",
        "cause": "power",
        "starts_at": start.isoformat(),
    }
    assert api(cast.pi).post("/api/v1/outages/", fields, format="json").status_code == 403
    made = api(cast.site_manager).post("/api/v1/outages/", fields, format="json")
    assert made.status_code == 201, made.json()
    path = f"/api/v1/outages/{made.json()['code']}/"
    assert api(None).get(path).json()["state"] == "ongoing"
    assert api(None).get("/api/v1/outages/?state=ongoing&site=ned").json()["count"] == 1
    assert api(None).get("/api/v1/outages/?state=over").json()["count"] == 0
    assert api(cast.outsider).post(f"{path}end/", {}, format="json").status_code == 403
    assert api(cast.site_manager).post(f"{path}end/", {}, format="json").json()["state"] == "over"
    wrong = {
        "starts_at": start.isoformat(),
        "ends_at": (start - timedelta(hours=1)).isoformat(),
        "reason": "x",
    }
    answer = api(cast.admin).post(f"{path}correct/", wrong, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "ends_at")
    gone = api(cast.admin).post(f"{path}withdraw/", {"reason": "False alarm"}, format="json")
    assert gone.json()["state"] == "withdrawn"
    assert Outage.objects.count() == 1
