"""Sites and resources over the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datacenters.models import Accreditation, Capacity, Resource, Site
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.models import AuditRow

SECRET = {"url", "signer", "operator_login", "problem", "slurm_name", "api_version"}


@pytest.mark.parametrize("who", [None, "outsider", "pi", "auditor", "site_manager", "admin"])
def test_everybody_reads_sites_and_only_managers_how_they_are_reached(cast, api, who):
    Site.objects.create(code="bare", name="Bare")
    client = api(getattr(cast, who) if who else None)
    bare, ned = client.get("/api/v1/sites/").json()["results"]
    assert (bare["cluster"], bare["resources"]) == (None, [])
    assert (ned["code"], ned["resources"], ned["data_classes"]) == ("ned", ["ned-h100"], ["open", "public"])
    shown = SECRET if who in {"site_manager", "admin"} else set()
    assert SECRET & ned["cluster"].keys() == shown
    assert client.get("/api/v1/sites/ned/").json() == ned


def test_a_manager_of_one_site_doesnt_see_into_another(cast, api):
    cast.site.roles.all().delete()
    assert not SECRET & api(cast.site_manager).get("/api/v1/sites/ned/").json()["cluster"].keys()


def test_resources_bring_their_coming_capacity(cast, api):
    Capacity.objects.create(resource=cast.resource, quarter="2020Q1", gpu_seconds=1)
    resource = api(None).get("/api/v1/resources/ned-h100/").json()
    assert resource["site"] == "ned"
    assert len(resource["capacities"]) == 4
    assert resource["capacities"][0] == {
        "quarter": str(Quarter.of(clock.today())),
        "gpu_seconds": 36_000_000,
        "gpu_hours": 10_000.0,
        "reserve_percent": 0,
        "note": "",
    }
    assert api(None).get("/api/v1/resources/?site=elsewhere").json()["count"] == 0
    assert api(None).get("/api/v1/sites/nowhere/").status_code == 404


def test_filters(cast, api):
    assert api(None).get("/api/v1/sites/?holds=restricted").json()["count"] == 0
    Accreditation.objects.create(site=cast.site, data_class="restricted", expires_on=clock.today())
    assert api(None).get("/api/v1/sites/?holds=restricted").json()["count"] == 1
    assert api(None).get("/api/v1/resources/?gpu_model=a100").json()["count"] == 0
    assert api(None).get("/api/v1/sites/?holds=secret").status_code == 400


@pytest.mark.parametrize(
    ("who", "status"), [(None, 401), ("outsider", 403), ("pi", 403), ("site_manager", 200), ("admin", 200)]
)
def test_who_sets_capacity(cast, api, who, status):
    body = {"quarter": str(Quarter.of(clock.today())), "gpu_hours": 12.5, "reason": "Repairs"}
    client = api(getattr(cast, who) if who else None)
    reply = client.post("/api/v1/resources/ned-h100/capacity/", body, format="json")
    assert reply.status_code == status
    changed = status == 200
    assert Capacity.objects.filter(gpu_seconds=45_000).exists() is changed
    assert AuditRow.objects.filter(action="capacity_set").exists() is changed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quarter": "soon"}, "quarter"),
        ({"quarter": "2020Q1"}, "quarter"),
        ({"gpu_hours": -1}, "gpu_hours"),
        ({"gpu_hours": 99_999_999}, "gpu_hours"),
        ({"reason": ""}, "reason"),
    ],
)
def test_wrong_input_names_the_field(cast, api, change, field):
    body = {"quarter": str(Quarter.of(clock.today())), "gpu_hours": 1, "reason": "Repairs"} | change
    reply = api(cast.admin).post("/api/v1/resources/ned-h100/capacity/", body, format="json")
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("rows", [5, 500])
def test_query_counts_dont_grow(cast, api, rows):
    quarter = str(Quarter.of(clock.today()))
    sites = Site.objects.bulk_create(Site(code=f"s{n}", name=f"Site {n}") for n in range(rows))
    resources = Resource.objects.bulk_create(
        Resource(code=f"r{n}", site=s, name="R", gpu_model="G", gres_type="g", partition="p", gpu_count=8)
        for n, s in enumerate(sites)
    )
    Capacity.objects.bulk_create(Capacity(resource=r, quarter=quarter, gpu_seconds=1) for r in resources)
    client = api(cast.site_manager)
    for address in ("/api/v1/sites/?page_size=500", "/api/v1/resources/?page_size=500"):
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get(address).json()["results"]) >= rows
        assert len(queries) <= 10, address
