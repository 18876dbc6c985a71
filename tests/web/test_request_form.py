"""The form of a request, step by step: what it keeps, refuses, tells and costs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Attachment
from allocations.programme.services import Line
from allocations.projects.models import Project
from portal.foundation import clock
from portal.people.models import TermsVersion
from portal.people.selectors import has_consented
from tests.cast import Cast
from tests.requesting import HOUR, draft, fund, submitted

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def new_terms() -> None:
    """A version that nobody has accepted yet."""
    TermsVersion.objects.create(number=99, text_en="Be fair.", text_ur="انصاف۔", in_force_from=clock.today())


def quick(cast: Cast, **fields: str) -> dict[str, str]:
    return {
        "project": cast.project.code,
        "resource": cast.resource.code,
        "gpu_hours": "12.5",
        "ends_on": str(clock.today() + timedelta(days=9)),
        "justification": "Eight small runs.",
        "ai_risk": "minimal",
        "key": "k-1",
        **fields,
    }


def amounts(cast: Cast, **fields: str) -> dict[str, str]:
    today = clock.today()
    return {
        "starts_on": str(today),
        "ends_on": str(today + timedelta(days=99)),
        "lines-total": "2",
        "lines-0-where": cast.resource.code,
        "lines-0-gpu_hours": "1,000",
        "lines-1-where": "any",
        "lines-1-gpu_hours": "۵۰۰",
        "runs-total": "2",
        "runs-0-model": "Urdu speech, 300M",
        "runs-0-gpus": "8",
        "runs-0-hours": "12.5",
        "runs-0-runs": "15",
        "runs-1-model": "",
        "runs-1-gpus": "",
        **fields,
    }


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


# --- Drafts that are kept by themselves -------------------------------------------------------------
def keep(client: Any, address: str, body: dict[str, str]) -> Any:
    return client.post(address, body, headers={"X-Draft": "autosave"})


def test_what_can_be_kept_is_kept(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/amounts/"
    seen = client.get(address).context["seen"]
    body = amounts(cast, seen=seen, **{"runs-0-gpus": "eight"})
    told = keep(client, address, body).json()
    assert told["kept"] == ["starts_on", "ends_on", "prior_usage", "lines"]
    assert told["seen"] != json.loads(seen)
    request.refresh_from_db()
    assert request.ends_on == clock.today() + timedelta(days=99)
    assert request.lines.count() == 2
    assert not request.runs.exists()
    told = keep(client, address, amounts(cast, seen=json.dumps(told["seen"]))).json()
    assert set(told["kept"]) == set(told["seen"])
    assert request.runs.get().gpus == 8


def test_a_newer_version_isn_t_overwritten_unasked(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    seen = client.get(address).context["seen"]
    body = {"project": cast.project.code, "justification": "Mine.", "seen": seen}
    services.request_update(actor=cast.pi, request=request, justification="Theirs.")
    assert keep(client, address, body).status_code == 409
    refused = client.post(address, body)
    assert refused.status_code == 422
    assert "changed elsewhere" in text(refused)
    assert "Mine." in text(refused)
    request.refresh_from_db()
    assert request.justification == "Theirs."
    # Who saves again after being told means it.
    assert client.post(address, {**body, "seen": refused.context["seen"]}).status_code == 302
    request.refresh_from_db()
    assert request.justification == "Mine."


def test_what_others_changed_elsewhere_in_the_step_stays(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    first = client.get(address)
    body = {"project": cast.project.code, "justification": "Mine.", "seen": first.context["seen"]}
    body["public_abstract"] = first.context["form"]["public_abstract"].value() or ""
    services.request_update(actor=cast.pi, request=request, withheld_reason="Theirs.")
    assert keep(client, address, body).status_code == 200
    request.refresh_from_db()
    assert (request.justification, request.withheld_reason) == ("Mine.", "Theirs.")


def test_a_lost_answer_is_no_newer_version(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/"
    seen = client.get(address).context["seen"]
    begun = request.justification

    def save(words: str, name: str, unanswered: str = "") -> int:
        body = {"project": cast.project.code, "justification": words, "seen": seen}
        return keep(client, address, body | {"draft_id": name, "sent": unanswered}).status_code

    assert save("One", "a") == 200
    assert save("One two", "b", "a") == 200
    assert save("Three", "x") == 409  # somebody else
    assert save("One two", "c", "a b") == 200
    # What was sent before and comes again, or comes late, changes nothing.
    assert save("One", "a") == 200
    assert save("One two three", "e", "a b c d") == 200
    assert save("Late", "d", "a b c") == 200
    request.refresh_from_db()
    assert request.justification == "One two three"
    # Back to what it was before all that is a change too.
    assert save(begun, "f", "a b c d e") == 200
    request.refresh_from_db()
    assert request.justification == begun


def test_what_somebody_else_typed_isn_t_kept_as_mine(cast: Cast, web: Any) -> None:
    request = draft(cast)
    body = {"project": cast.project.code, "justification": "Mine.", "owner": cast.admin.code}
    assert keep(web(cast.pi), f"/requests/{request.code}/edit/", body).status_code == 403
    request.refresh_from_db()
    assert request.justification != "Mine."


def test_a_draft_begun_twice_takes_what_was_typed_between(cast: Cast, web: Any) -> None:
    client = web(cast.pi)
    body = {"project": cast.project.code, "justification": "One", "key": "k1"}
    first = client.post("/requests/new/full/", body)
    again = client.post("/requests/new/full/", body | {"justification": "One two"})
    assert again.url == first.url
    assert AllocationRequest.objects.get().justification == "One two"


def test_saving_tells_the_script_which_copy_arrived(cast: Cast, web: Any) -> None:
    request = draft(cast)
    body = {"project": cast.project.code, "justification": "X", "draft_id": "1-abc"}
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/", body)
    assert reply.cookies["draft_kept"].value == "1-abc"


@pytest.mark.parametrize(
    ("where", "changes"), [("", {}), ("", {"gpu_hours": "201", "full": "1"}), ("full/", {"ai_risk": ""})]
)
def test_so_does_beginning(cast: Cast, web: Any, where: str, changes: dict[str, str]) -> None:
    client, address = web(cast.pi), f"/requests/new/{where}"
    refused = client.post(address, quick(cast, draft_id="2-abc", project=""))
    assert (refused.status_code, "draft_kept" in refused.cookies) == (422, False)
    reply = client.post(address, quick(cast, draft_id="2-abc", **changes))
    assert reply.status_code == 302
    assert reply.cookies["draft_kept"].value == "2-abc"


# --- Attachments ------------------------------------------------------------------------------------
def pdf(content: bytes = PDF, name: str = "Plan.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def test_attached_listed_read_and_taken_away(cast: Cast, web: Any) -> None:
    request = draft(cast)
    client, address = web(cast.pi), f"/requests/{request.code}/edit/papers/"
    body = {"ai_risk": "limited", "file": pdf(), "attach": "1"}
    assert client.post(address, body).url == address
    attachment = Attachment.objects.get()
    assert (attachment.title, attachment.size) == ("Plan", len(PDF))
    assert "Plan" in text(client.get(address))
    request.refresh_from_db()
    assert request.ai_risk == "limited"  # what was declared isn't lost by attaching
    file = f"/requests/{request.code}/attachments/{attachment.code}/"
    reply = client.get(file)
    assert b"".join(reply.streaming_content) == PDF
    assert reply["Content-Disposition"].startswith("attachment")
    assert web(cast.outsider).get(file).status_code == 404
    web(cast.pi).post(address, {"remove": attachment.code})
    assert web(cast.pi).get(file).status_code == 404
    assert Attachment.objects.get().removed_at is not None


@pytest.mark.parametrize(
    ("upload", "complaint"),
    [
        (None, "Attach a file."),
        (pdf(b"MZ\x90"), "no PDF"),
        (pdf(PDF + b"0" * (10 * 2**20)), "at most 10 MB"),
    ],
)
def test_what_is_no_small_pdf_is_refused(cast: Cast, web: Any, upload: Any, complaint: str) -> None:
    request = draft(cast)
    body = {"ai_risk_note": "We look.", "attach": "1"} | ({"file": upload} if upload else {})
    reply = web(cast.pi).post(f"/requests/{request.code}/edit/papers/", body)
    assert reply.status_code == 422
    assert complaint in text(reply)
    assert "We look." in text(reply)
    assert not Attachment.objects.exists()


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
