"""Usage reports over the API: JSON and CSV, pages, ETags, refusals."""

import csv
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from allocations.awards.models import Allocation
from allocations.projects.models import Project
from allocations.usage.services import usage_correct, usage_record_many
from tests.cast import Cast
from tests.using import NOON, allocated, charged, run

ADDRESS = "/api/v1/reports/usage"
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}
SignIn = Callable[[Any], APIClient]


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    """7,200 GPU-seconds in two runs of the PI's."""
    allocation = allocated(cast.project, cast.resource, by=cast.council)
    charged(allocation, key="one", user=cast.pi, gpu_seconds=7000)
    charged(allocation, key="two", user=cast.pi, gpu_seconds=200, ended_at=NOON + timedelta(days=1))
    return allocation


def text(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}/"])
def test_the_issues_question(allocation: Allocation, cast: Cast, api: SignIn, address: str) -> None:
    asked = {**NOVEMBER, "group_by": "day,site", "metrics": "gpu_seconds,gpu_hours,jobs"}
    response = api(cast.pi).get(address, asked)
    assert response.status_code == 200
    told = response.json()
    at_ned = {"site": "ned", "site_name": "Ned", "jobs": 1}
    assert told["rows"] == [
        {**at_ned, "day": "2026-11-10", "gpu_seconds": 7000, "gpu_hours": 1.9444},
        {**at_ned, "day": "2026-11-11", "gpu_seconds": 200, "gpu_hours": 0.0556},
    ]
    assert told["totals"] == {"gpu_seconds": 7200, "gpu_hours": 2.0, "jobs": 2}
    assert (told["from"], told["to"], told["count"]) == ("2026-11-01", "2026-11-30", 2)
    assert "organisation" in told["scope"] or "projects" in told["scope"]
    assert told["note"]
    assert told["generated_at"]


def test_totals_are_over_all_pages(allocation: Allocation, cast: Cast, api: SignIn) -> None:
    client = api(cast.pi)
    first = client.get(ADDRESS, {**NOVEMBER, "page_size": 1}).json()
    second = client.get(first["next"]).json()
    assert [row["gpu_seconds"] for row in first["rows"] + second["rows"]] == [7000, 200]
    assert first["totals"] == second["totals"]
    assert second["totals"]["gpu_seconds"] == 7200
    assert second["next"] is None


@pytest.mark.parametrize("how", [{"format": "csv"}, {"HTTP_ACCEPT": "text/csv"}])
def test_csv(allocation: Allocation, cast: Cast, api: SignIn, how: dict[str, str]) -> None:
    Project.objects.update(title='=HYPERLINK("x")')
    asked = {**NOVEMBER, "group_by": "project", "format": how.get("format", "")}
    headers = {key: value for key, value in how.items() if key != "format"}
    response = api(cast.pi).get(ADDRESS, {k: v for k, v in asked.items() if v}, **headers)
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"] == 'attachment; filename="usage-2026-11-01-2026-11-30.csv"'
    rows = list(csv.DictReader(text(response).splitlines()))
    assert rows == [
        {
            "project": cast.project.code,
            "project_name": '\'=HYPERLINK("x")',
            "gpu_seconds": "7200",
            "gpu_hours": "2.0",
            "jobs": "2",
        }
    ]


def test_csv_of_nothing_is_its_header(cast: Cast, api: SignIn) -> None:
    response = api(cast.outsider).get(ADDRESS, {"format": "csv"})
    assert text(response) == "day,gpu_seconds,gpu_hours,jobs\r\n"


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_known_answer_is_not_sent_again(allocation: Allocation, cast: Cast, api: SignIn, form: str) -> None:
    client, asked = api(cast.pi), {**NOVEMBER, "format": form}
    etag = client.get(ADDRESS, asked)["ETag"]
    again = client.get(ADDRESS, asked, HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again["ETag"], again.content) == (304, etag, b"")
    usage_correct(run_key="one", gpu_seconds=6999, reason="x")
    fresh = client.get(ADDRESS, asked, HTTP_IF_NONE_MATCH=etag)
    assert fresh.status_code == 200
    assert fresh["ETag"] != etag
    assert "private" in fresh["Cache-Control"]


def test_the_outsider_sees_nothing(allocation: Allocation, cast: Cast, api: SignIn) -> None:
    told = api(cast.outsider).get(ADDRESS, {**NOVEMBER, "group_by": "project"})
    assert told.status_code == 200
    assert told.json()["rows"] == []
    assert told.json()["totals"]["gpu_seconds"] == 0


@pytest.mark.parametrize("kind", ["project", "organisation", "site", "resource"])
@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_the_outsider_names_does_not_exist(
    allocation: Allocation, cast: Cast, api: SignIn, kind: str, form: str
) -> None:
    named = {"project": cast.project, "organisation": cast.organisation, "site": cast.site}
    code = named.get(kind, cast.resource).code
    response = api(cast.outsider).get(ADDRESS, {kind: code, "format": form})
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == kind
    assert api(cast.pi).get(ADDRESS, {kind: code, "format": form}).status_code == 200


def test_nobody_sees_nothing_at_all(cast: Cast, api: SignIn) -> None:
    assert api(None).get(ADDRESS).status_code == 401


@pytest.mark.parametrize(
    ("asked", "field", "remedy"),
    [
        ({"group_by": "planet"}, "group_by", "organisation"),
        ({"metrics": "rupees"}, "metrics", "gpu_hours"),
        ({"from": "soon"}, "from", "2026-11-30"),
        ({"format": "xlsx"}, "format", "csv"),
        ({"grupby": "day"}, "grupby", "group_by"),
        ({"group_by": "planet", "format": "csv"}, "group_by", "organisation"),
    ],
)
def test_bad_parameters(cast: Cast, api: SignIn, asked: dict[str, str], field: str, remedy: str) -> None:
    response = api(cast.pi).get(ADDRESS, asked)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    fault = response.json()["errors"][0]
    assert fault["field"] == field
    assert remedy in fault["remedy"]


def test_five_rows_and_five_hundred_cost_the_same(allocation: Allocation, cast: Cast, api: SignIn) -> None:
    def queries(**more: Any) -> int:
        client = api(cast.pi.fresh())
        with CaptureQueriesContext(
            connection,
        ) as caught:
            response = client.get(ADDRESS, {**NOVEMBER, "group_by": "day,project", "page_size": 500, **more})
            list(response.streaming_content if response.streaming else response.json()["rows"])
        return len(caught)

    few = {form: queries(format=form) for form in ("json", "csv")}
    runs = []
    for number in range(500):
        project = Project.objects.create(
            organisation=cast.organisation, title=f"P{number}", abstract="x", sector=cast.project.sector
        )
        place = Allocation(project=project, resource=cast.resource, starts_on=NOON, ends_on=NOON)
        place.save()
        runs.append(run(place, save=False))
    usage_record_many(records=runs)
    many = {form: queries(format=form) for form in ("json", "csv")}
    assert many == few
    assert max(many.values()) <= 10


def test_the_documentation_names_dimensions_and_metrics_once(cast: Cast, api: SignIn) -> None:
    paths = api(cast.pi).get("/api/v1/schema/", {"format": "json"}).json()["paths"]
    found = [path for path in paths if "reports/usage" in path]
    assert found == [ADDRESS]
    told = {one["name"]: one for one in paths[ADDRESS]["get"]["parameters"]}
    assert "organisation" in told["group_by"]["description"]
    assert {"from", "to", "site", "project", "format"} <= told.keys()
