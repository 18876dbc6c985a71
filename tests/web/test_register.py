"""The public register: whom it shows (everybody), what it holds back, and what it comes to."""

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.awards.models import Allocation
from allocations.projects.models import Project
from portal.foundation import clock
from portal.foundation.throttling import PublicPages
from portal.people.models import Organisation, Verification
from tests.cast import Cast
from tests.requesting import HOUR, approved, declined, fund, submitted
from tests.using import allocated, charged

PAGE, API = "/register/", "/api/v1/register/"


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    """100 GPU-hours granted, 2 used."""
    allocation = allocated(cast.project, cast.resource, by=cast.council)
    charged(allocation, user=cast.pi, gpu_seconds=7200)
    return allocation


def lines(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))


def test_anybody_reads_it_everywhere(allocation: Allocation, cast: Cast, web, api) -> None:
    page = web(None).get(PAGE)
    told = api(None).get(API).json()
    exported = lines(api(None).get(API, {"format": "csv"}))
    assert page.status_code == 200
    assert "NED University" in page.content.decode()
    row = told["results"][0]
    assert (row["granted_gpu_hours"], row["used_gpu_hours"]) == (100.0, 2.0)
    assert row["award"] == allocation.awards.get().code
    assert told["totals"] == {
        "awards": 1,
        "granted_gpu_hours": 100.0,
        "used_gpu_hours": 2.0,
        "returned_gpu_hours": 0.0,
    }
    assert exported == [{name: str(value) for name, value in row.items()}]


def test_persons_are_in_none_of_them(allocation: Allocation, cast: Cast, web, api) -> None:
    told = [
        web(None).get(PAGE).content.decode(),
        api(None).get(API).content.decode(),
        str(lines(api(None).get(API, {"format": "csv"}))),
    ]
    for person in (cast.pi, cast.member, cast.council):
        assert not any(person.name in text or person.email in text for text in told)


@pytest.mark.parametrize("data_class", ["restricted", "sensitive", "secret"])
def test_abstracts_on_such_data_are_withheld(
    allocation: Allocation, cast: Cast, web, api, data_class: str
) -> None:
    assert "retinopathy" in web(None).get(PAGE).content.decode()
    Project.objects.update(data_class=data_class)
    assert "retinopathy" not in web(None).get(PAGE).content.decode()
    assert api(None).get(API).json()["results"][0]["abstract"] == "withheld"
    assert lines(api(None).get(API, {"format": "csv"}))[0]["abstract"] == "withheld"


def test_demonstrations_are_labelled(allocation: Allocation, cast: Cast, web, api) -> None:
    assert api(None).get(API).json()["remark"] == ""
    cast.organisation.illustrative = True
    cast.organisation.store("illustrative")
    assert "Illustrative" in web(None).get(PAGE).content.decode()
    told = api(None).get(API).json()
    assert (told["remark"], told["results"][0]["remark"]) == ("ILLUSTRATIVE", "ILLUSTRATIVE")
    assert lines(api(None).get(API, {"format": "csv"}))[0]["remark"] == "ILLUSTRATIVE"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"sector": "health"}, 1),
        ({"sector": "climate"}, 0),
        ({"province": "sindh", "organisation_class": "academic"}, 1),
        ({"province": "punjab"}, 0),
        ({"year": 2001}, 0),
        ({"resource": "ned-h100"}, 1),
        ({"q": "ned"}, 1),
        ({"q": "robotics"}, 0),
    ],
)
def test_it_can_be_narrowed(allocation: Allocation, web, api, asked: dict[str, Any], found: int) -> None:
    told = api(None).get(API, asked).json()
    assert (told["count"], len(told["results"]), told["totals"]["awards"]) == (found, found, found)
    assert web(None).get(PAGE, asked).context["totals"].awards == found


def test_a_slip_is_told(allocation: Allocation, api) -> None:
    response = api(None).get(API, {"sector": "wizardry"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "sector"


def test_who_has_it_needs_it_not_again(allocation: Allocation, cast: Cast, api) -> None:
    first = api(None).get(API)
    assert "public" in first["Cache-Control"]
    again = {"If-None-Match": first["ETag"]}
    assert api(None).get(API, headers=again).status_code == 304
    charged(allocation, user=cast.pi, gpu_seconds=60)
    assert api(None).get(API, headers=again).status_code == 200


def test_a_renamed_row_makes_another_answer_however_late_it_is_committed(
    allocation: Allocation, cast: Cast, api
) -> None:
    # The latest change of all was another row's.
    other = Project.objects.create(
        organisation=cast.other_organisation, title="Robots", abstract="", sector=cast.project.sector
    )
    allocated(other, cast.resource, by=cast.council, gpu_hours=1)
    for row in (other, cast.other_organisation):
        type(row).objects.filter(pk=row.pk).update(updated_at=clock.now() + timedelta(days=1))
    for row, field in ((cast.organisation, "name"), (cast.project, "abstract")):
        etag = api(None).get(API)["ETag"]
        assert api(None).get(API, headers={"If-None-Match": etag}).status_code == 304
        setattr(row, field, "Another")
        row.store(field)
        answer = api(None).get(API, headers={"If-None-Match": etag})
        assert (answer.status_code, "Another" in answer.content.decode()) == (200, True)


@pytest.mark.parametrize("page", [PAGE, "/register/statistics/", "/letters/", "/letters/let-0000000000/"])
def test_pages_for_everybody_bound_how_often_strangers_ask(page: str, cast: Cast, web, monkeypatch) -> None:
    cache.clear()
    monkeypatch.setattr(PublicPages, "THROTTLE_RATES", {"public": "2/min"})
    answers = [web(None).get(page).status_code for _ask in range(3)]
    assert answers[:2] in ([200, 200], [404, 404])
    assert answers[2] == 429
    assert web(cast.pi).get(page).status_code in (200, 404), "who is signed in isn't counted"


def test_cells_are_no_formulas(allocation: Allocation, cast: Cast, api) -> None:
    Project.objects.update(abstract="=HYPERLINK(1)\u202e")
    assert lines(api(None).get(API, {"format": "csv"}))[0]["abstract"] == "'=HYPERLINK(1)"


def test_queries_do_not_grow_with_rows(cast: Cast, web, api) -> None:
    counts = []
    for rows in (5, 45):
        for _ in range(rows):
            allocated(cast.project, cast.resource, by=cast.council, gpu_hours=1)
        for client, address in ((web(None), PAGE), (api(None), API)):
            client.get(address)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(address).status_code == 200
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 10


def test_what_came_of_a_request_says_track_and_reason(cast: Cast, web, api) -> None:
    fund(cast.resource)
    request = approved(cast, gpu_seconds=300 * HOUR)
    told = api(None).get(API, {"track": request.track_version.track.code}).json()
    track = request.track_version.track.code
    assert [(row["track"], row["reason"]) for row in told["results"]] == [(track, "as_asked")]
    assert api(None).get(API, {"track": "national"}).json()["count"] == 0
    assert "Granted as asked" in web(None).get(PAGE).content.decode()


def test_an_abstract_is_kept_out_where_the_request_says_so(cast: Cast, api) -> None:
    fund(cast.resource)
    request = approved(cast, gpu_seconds=300 * HOUR)
    request.public_abstract = "For everybody."
    request.store("public_abstract")
    assert api(None).get(API).json()["results"][0]["abstract"] == "For everybody."
    request.abstract_withheld = True
    request.store("abstract_withheld")
    assert api(None).get(API).json()["results"][0]["abstract"] == "withheld"


@pytest.fixture
def reckoned_anew() -> None:
    cache.clear()


@pytest.mark.usefixtures("reckoned_anew")
def test_the_programme_in_figures(cast: Cast, web, api) -> None:
    fund(cast.resource)
    approved(cast, gpu_seconds=300 * HOUR)
    declined(cast, gpu_seconds=400 * HOUR)
    submitted(cast, gpu_seconds=500 * HOUR)
    told = api(None).get(f"{API}statistics/").json()
    (quarter,) = told["quarters"]
    counts = [quarter[name] for name in ("requested", "awarded", "declined", "waiting", "success_percent")]
    assert counts == [3, 1, 1, 1, 50]
    assert quarter["requested_gpu_seconds"] == 1200 * HOUR
    assert quarter["granted_gpu_seconds"] == 300 * HOUR
    by_class = told["divisions"][0]["shares"]
    assert [(share["gpu_seconds"], share["percent"]) for share in by_class] == [(300 * HOUR, 100.0)]
    page = web(None).get(f"{PAGE}statistics/")
    assert page.status_code == 200
    assert "50&nbsp;%" in page.content.decode()
    # One organisation's figure would tell who leads it.
    assert [each["shares"] for each in told["divisions"] if each["title"] == "Women-led"] == [[]]
    assert "fewer than three organisations" in page.content.decode()


@pytest.mark.usefixtures("reckoned_anew")
def test_women_led_is_told_as_verified_of_three_and_more(cast: Cast, web, api) -> None:
    fund(cast.resource)
    for number in range(6):
        organisation = Organisation.objects.create(
            name=f"Body {number}", kind="startup", province="sindh", women_led=True
        )
        if number < 3:
            claim = Verification.objects.create(
                organisation=organisation,
                identifier_kind="cuin",
                identifier=f"000000{number}",
                province="sindh",
                women_led=True,
                submitted_by=cast.pi,
            )
            claim.words.create(verifier=cast.admin, seat=cast.admin, expires_on=clock.today(), women_led=True)
            Verification.objects.filter(pk=claim.pk).update(
                state="accepted",
                verifier=cast.admin,
                decided_at=clock.now(),
                expires_on=clock.today(),
                women_led_confirmed=True,
            )
        project = Project.objects.create(
            organisation=organisation, title=f"P{number}", abstract="A", sector=cast.project.sector
        )
        allocated(project, cast.resource, by=cast.council, gpu_hours=10)
    reply = api(None).get(f"{API}statistics/")
    (shares,) = [each["shares"] for each in reply.json()["divisions"] if each["title"] == "Women-led"]
    assert [share["percent"] for share in shares] == [50.0, 50.0]
    assert "Cookie" in reply["Vary"]
    # For five minutes nothing is reckoned again.
    with CaptureQueriesContext(connection) as queries:
        api(None).get(f"{API}statistics/")
    assert not [query for query in queries if "programme_allocationrequest" in query["sql"]]
