"""Beginning a request: on one page what is decided by rule, and a first project along with it."""

from html import unescape
from typing import Any

import pytest

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_activate
from allocations.programme import services
from allocations.programme.models import AllocationRequest, RequestLine
from allocations.projects.models import Project
from portal.people.models import Verification
from tests.cast import Cast, site
from tests.filling import new_terms, quick, text
from tests.requesting import HOUR, approved, draft, fund

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


# --- The short way ----------------------------------------------------------------------------------
def test_one_page_and_one_button_for_the_small_case(cast: Cast, web: Any) -> None:
    new_terms()
    client = web(cast.pi)
    page = text(client.get("/requests/new/"))
    assert 'name="consent"' in page
    assert client.post("/requests/new/", quick(cast)).status_code == 422
    assert f'value="{cast.project.code}" selected' in page  # the only project
    assert "200" in page
    reply = client.post("/requests/new/", quick(cast, consent="on"))
    request = AllocationRequest.objects.get()
    assert reply.url == f"/requests/{request.code}/"
    assert request.submitted_at is not None
    assert request.track_version.track.code == "explore"
    assert request.lines.get().gpu_seconds == 45_000
    run = request.runs.get()
    assert (run.gpus, run.gpu_seconds) == (1, 45_000)


def test_sent_twice_it_asks_once(cast: Cast, web: Any) -> None:
    client = web(cast.pi)
    first, second = (client.post("/requests/new/", quick(cast)) for _ in range(2))
    assert first.url == second.url
    assert AllocationRequest.objects.count() == 1
    client.post("/requests/new/", quick(cast, key="k-2"))
    assert AllocationRequest.objects.count() == 2


def test_more_than_the_rule_takes_goes_on_with_the_full_form(cast: Cast, web: Any) -> None:
    client = web(cast.pi)
    refused = client.post("/requests/new/", quick(cast, gpu_hours="201"))
    assert refused.status_code == 422
    assert "decided by rule" in text(refused)
    assert "Eight small runs." in text(refused)
    assert not AllocationRequest.objects.exists()
    reply = client.post("/requests/new/", quick(cast, gpu_hours="201", full="1"))
    request = AllocationRequest.objects.get()
    assert reply.url == f"/requests/{request.code}/edit/"
    assert request.state == "draft"
    assert request.lines.get().gpu_seconds == 201 * HOUR


@pytest.mark.parametrize("field", ["project", "resource", "gpu_hours", "ends_on", "justification", "ai_risk"])
def test_the_short_form_needs_all_it_asks(cast: Cast, web: Any, field: str) -> None:
    reply = web(cast.pi).post("/requests/new/", quick(cast, **{field: ""}))
    assert reply.status_code == 422
    assert field in reply.context["form"].errors
    assert not AllocationRequest.objects.exists()


# --- The first request begins the first project -------------------------------------------------------
def first(cast: Cast, **fields: str) -> dict[str, str]:
    project = {
        "organisation": cast.organisation.code,
        "title": "Orchard pests",
        "abstract": "Finds pests in pictures.",
        "sector": cast.project.sector.code,
        "data_class": "open",
    }
    asked = quick(cast) | project | fields
    del asked["project"]
    return asked


def test_who_leads_nothing_begins_a_project_with_the_request(cast: Cast, web: Any) -> None:
    client = web(cast.colleague)
    page = text(client.get("/requests/new/"))
    assert f'value="{cast.organisation.code}" selected' in page
    reply = client.post("/requests/new/", first(cast))
    assert reply.status_code == 302, text(reply)
    request = AllocationRequest.objects.get()
    assert reply.url == request.get_absolute_url()
    assert (request.project.title, request.project.organisation) == ("Orchard pests", cast.organisation)
    assert request.project.members.get().user == cast.colleague
    assert client.post("/requests/new/", first(cast)).url == reply.url  # sent twice
    assert AllocationRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gpu_hours": "201"}, "decided by rule"),
        ({"title": ""}, "This field is required."),
        ({"organisation": "org-0000000000"}, "Select a valid choice"),
    ],
)
def test_a_request_that_is_refused_leaves_no_project(
    cast: Cast, web: Any, changes: dict[str, str], complaint: str
) -> None:
    projects = Project.objects.count()
    reply = web(cast.colleague).post("/requests/new/", first(cast, **changes))
    assert reply.status_code == 422
    assert complaint in text(reply)
    assert Project.objects.count() == projects


def test_who_can_begin_no_project_yet_is_told_at_once_and_loses_no_word(cast: Cast, web: Any) -> None:
    client = web(cast.colleague)
    complaint = f"{cast.organisation.name} isn't verified yet."
    assert complaint not in unescape(text(client.get("/requests/new/")))
    Verification.objects.filter(organisation=cast.organisation).delete()
    assert complaint in unescape(text(client.get("/requests/new/")))
    refused = client.post("/requests/new/", first(cast, gpu_hours="", full="1", draft_id="3-abc"))
    assert refused.status_code == 422
    assert complaint in refused.context["form"].errors["organisation"][0]
    assert list(refused.context["form"].errors) == ["organisation"]
    assert 'value="Orchard pests"' in text(refused)
    assert "draft_kept" not in refused.cookies
    assert not AllocationRequest.objects.exists()


# --- The ways there ---------------------------------------------------------------------------------
def test_who_may_begin_a_project_with_a_request_is_shown_the_way(cast: Cast, web: Any) -> None:
    way, full = 'href="/requests/new/"', 'href="/requests/new/full/"'
    assert way in text(web(cast.colleague).get("/requests/"))
    assert way in text(web(cast.pi).get("/requests/"))
    assert way not in text(web(cast.council).get("/requests/"))
    assert full in text(web(cast.pi).get("/requests/new/"))
    assert full not in text(web(cast.colleague).get("/requests/new/"))  # it begins no project


def running(request: AllocationRequest) -> AllocationRequest:
    for allocation in Allocation.objects.filter(awards__fulfilment__line__request=request):
        allocation_activate(allocation=allocation)
    return request


def test_each_allocation_that_came_of_it_has_its_button(cast: Cast, web: Any) -> None:
    one = running(approved(cast))
    page = text(web(cast.pi).get(one.get_absolute_url()))
    assert page.count("button--primary") == 1
    assert "Submit a job<" in page
    elsewhere = site("uet")
    fund(elsewhere)
    request = draft(cast)
    RequestLine.objects.create(request=request, position=1, resource=elsewhere, gpu_seconds=HOUR)
    request = services.request_submit(actor=cast.pi, request=request)
    running(services.request_approve(actor=cast.council, request=request).request)
    page = text(web(cast.pi).get(request.get_absolute_url()))
    assert "button--primary" not in page
    for resource in (cast.resource, elsewhere):
        assert f"Submit a job · {resource}<" in page
