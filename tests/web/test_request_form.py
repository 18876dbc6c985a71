"""The form of a request, step by step: what it takes, refuses, tells and costs."""

from typing import Any

import pytest

from allocations.programme import services
from allocations.programme.models import AllocationRequest
from allocations.programme.services import Line
from portal.foundation import clock
from portal.people.selectors import has_consented
from tests.cast import Cast
from tests.filling import amounts, new_terms, text
from tests.requesting import HOUR, draft, fund, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


# --- Step by step -----------------------------------------------------------------------------------
def test_through_all_steps_to_submitted(cast: Cast, web: Any) -> None:
    client = web(cast.pi)
    assert client.get("/requests/new/full/").status_code == 200
    reply = client.post(
        "/requests/new/full/", {"project": cast.project.code, "justification": "Speech.", "key": "k"}
    )
    request = AllocationRequest.objects.get()
    assert reply.url == f"/requests/{request.code}/edit/amounts/"
    reply = client.post(reply.url, amounts(cast))
    assert reply.url == f"/requests/{request.code}/edit/running/"
    lines = list(request.lines.all())
    assert [(line.resource, line.any_suitable, line.gpu_seconds) for line in lines] == [
        (cast.resource, False, 1_000 * HOUR),
        (None, True, 500 * HOUR),
    ]
    assert request.runs.get().gpu_seconds == 1_500 * HOUR
    assert "May hold it" in text(client.get(reply.url))
    reply = client.post(reply.url, {"checkpointing": "yes", "flexible": "on", "deadline_note": "Season"})
    assert reply.url == f"/requests/{request.code}/edit/papers/"
    reply = client.post(reply.url, {"ai_risk": "minimal"})
    assert reply.url == f"/requests/{request.code}/submit/"
    page = text(client.get(reply.url))
    assert "Standard" in page
    assert "Not ready" not in page
    new_terms()
    assert client.post(reply.url).status_code == 422  # the terms in force come first
    assert not has_consented(cast.pi)
    client.post(reply.url, {"consent": "on"})
    assert has_consented(cast.pi)
    request.refresh_from_db()
    assert request.submitted_at is not None
    assert request.track_version.track.code == "standard"
    assert request.checkpointing == "yes"


def test_what_is_missing_leads_to_its_step(cast: Cast, web: Any) -> None:
    request = services.request_create(actor=cast.pi, project=cast.project)
    page = text(web(cast.pi).get(f"/requests/{request.code}/submit/"))
    for step in ("edit/", "edit/amounts/", "edit/papers/"):
        assert f'href="/requests/{request.code}/{step}"' in page
    assert "Submit the request" not in page.split("Not ready")[1].split("<form")[-1]


def test_rows_are_added_and_taken_away_without_a_script(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/amounts/"
    longer = client.post(address, amounts(cast, more_runs="1", **{"runs-1-model": "Half-typed"}))
    assert longer.status_code == 200
    assert 'value="Half-typed"' in text(longer)
    assert "This field is required" not in text(longer)
    assert 'name="runs-2-model"' in text(longer)
    assert request.lines.get().gpu_seconds == 100 * HOUR  # nothing was saved yet
    client.post(address, amounts(cast))
    client.post(address, amounts(cast, **{"lines-0-remove": "on", "runs-0-remove": "on"}))
    assert request.lines.get().any_suitable
    assert not request.runs.exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"runs-0-gpus": "many"}, "Enter a whole number."),
        ({"runs-1-model": "Second", "runs-1-gpus": "2"}, "This field is required."),
        ({"lines-0-gpu_hours": "-1"}, "greater than or equal to 0.01"),
        ({"lines-1-where": "ned-h100"}, "stands in two lines"),
        ({"ends_on": "2020-01-01"}, "ends before it begins"),
    ],
)
def test_bad_rows_keep_what_was_typed(cast: Cast, web: Any, changes: dict[str, str], complaint: str) -> None:
    request = draft(cast)
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/amounts/", amounts(cast, **changes))
    assert reply.status_code == 422
    page = text(reply)
    assert complaint in page
    assert 'value="Urdu speech, 300M"' in page
    assert 'name="lines-1-gpu_hours" value="۵۰۰"' in page
    assert request.lines.get().gpu_seconds == 100 * HOUR


def test_quarters_and_the_sum_of_the_runs(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/amounts/"
    quarter = str(clock.Quarter.of(clock.today()))
    later = str(clock.Quarter.of(clock.today()).next)
    body = amounts(cast, **{f"lines-0-in_{quarter}": "400", f"lines-0-in_{later}": "600", "runs-0-runs": "3"})
    client.post(address, body)
    assert request.lines.all()[0].by_quarter == {quarter: 400 * HOUR, later: 600 * HOUR}
    page = text(client.get(address))
    assert "The runs come to" in page
    assert 'value="400"' in page


def test_a_row_from_the_estimator_waits_to_be_saved(cast: Cast, web: Any) -> None:
    request = draft(cast)
    row = {"model": "LoRA: 7B", "gpus": "2", "hours": "3.5", "runs": "1"}
    page = text(web(cast.pi).get(f"/requests/{request.code}/edit/amounts/", row))
    assert 'value="LoRA: 7B"' in page
    assert not request.runs.exists()
    assert 'value="7"' in text(web(cast.pi).get("/requests/new/", row))  # 2 × 3.5 GPU-hours


# --- Who may, and what it costs ---------------------------------------------------------------------
STEPS = ("edit/", "edit/amounts/", "edit/running/", "edit/papers/", "submit/")


@pytest.mark.parametrize("step", STEPS)
def test_only_who_leads_the_project_writes(cast: Cast, web: Any, step: str) -> None:
    request = draft(cast)
    assert web(cast.pi).get(f"/requests/{request.code}/{step}").status_code == 200
    assert web(cast.member).get(f"/requests/{request.code}/{step}").status_code == 403
    assert web(cast.outsider).post(f"/requests/{request.code}/{step}").status_code == 404
    handed_in = submitted(cast, gpu_seconds=300 * HOUR)
    assert web(cast.pi).get(f"/requests/{handed_in.code}/{step}").status_code == 409


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lines", [1, 5])
def test_the_cost_of_a_step(
    cast: Cast, web: Any, step: str, lines: int, django_assert_max_num_queries: Any
) -> None:
    request = draft(cast, lines=[Line(any_suitable=True, gpu_seconds=HOUR) for _ in range(lines)])
    client = web(cast.pi)
    client.get("/")
    with django_assert_max_num_queries(25):
        client.get(f"/requests/{request.code}/{step}")
