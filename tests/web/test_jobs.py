"""The pages on which jobs are listed, looked at and cancelled: by who may, and by who may not."""

import pytest
from django.urls import reverse

from datacenters.models import SiteRole
from portal.foundation.models import AuditRow
from scheduler_bridge.dispatch.send import spec
from scheduler_bridge.models import Job
from tests.bridge_stage import Stage
from tests.job_rows import hold, plant_jobs

LIST = reverse("jobs")


def part(client, url, target=""):
    """What htmx gets for the element `target`."""
    return client.get(url, headers={"HX-Request": "true", "HX-Target": target}).content.decode()


def test_the_list_needs_a_sign_in(web, db):
    assert web(None).get(LIST).status_code == 302


def test_htmx_without_a_session_reloads_the_page(web, db):
    reply = web(None).get(LIST, headers={"HX-Request": "true"})
    assert (reply.status_code, reply["HX-Refresh"]) == (204, "true")


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        *[(who, True) for who in ("pi", "member", "site_manager", "admin", "auditor")],
        *[(who, False) for who in ("colleague", "outsider")],
    ],
)
def test_who_sees_a_job(web, stage: Stage, who, sees):
    job = stage.submit()
    client = web(getattr(stage.cast, who))
    assert (job.code in client.get(LIST).content.decode()) is sees
    assert client.get(job.get_absolute_url()).status_code == (200 if sees else 404)
    if not sees:
        assert client.get(reverse("job_cancel", args=[job.code])).status_code == 404
        assert client.post(reverse("job_cancel", args=[job.code])).status_code == 404
        job.refresh_from_db()
        assert job.cancel_requested_at is None


def test_the_list_shows_what_is_held_and_charged(web, stage: Stage):
    plant_jobs(stage, 1, charged=1200)
    stage.submit()  # 2 GPUs × 10 minutes = 1,200 GPU-seconds
    page = web(stage.cast.pi).get(LIST)
    rows = {job.title: (job.held, job.charged) for job in page.context["page_obj"]}
    assert rows == {"Job 0": (0, 1200), "Training": (1200, 0)}
    assert page.content.decode().count(">0.33<") == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", {"Training"}),
        ("state=completed", {"Job 0", "Job 1"}),
        ("mine=true", {"Training"}),
        ("q=train", {"Training"}),
        ("q=10001", {"Job 1"}),
        ("q=ning+trai", {"Training"}),
        ("resource=ned-h100", {"Training", "Job 0", "Job 1"}),
        ("site=ned", {"Training", "Job 0", "Job 1"}),
        ("allocation=alc-nonesuch", set()),
        ("project=prj-nonesuch", set()),
        ("q=" + "9" * 30, set()),
    ],
)
def test_the_list_is_narrowed(web, stage: Stage, query, found):
    plant_jobs(stage, 2, by=stage.cast.member)
    stage.submit()
    page = web(stage.cast.pi).get(f"{LIST}?{query}")
    assert {job.title for job in page.context["page_obj"]} == found


def test_codes_of_allocation_project_and_job_narrow_it(web, stage: Stage):
    job = stage.submit()
    client = web(stage.cast.pi)
    for query in (
        f"allocation={stage.allocation.code}",
        f"project={stage.cast.project.code}",
        f"q={job.code}",
    ):
        assert [row.pk for row in client.get(f"{LIST}?{query}").context["page_obj"]] == [job.pk]


def test_the_list_looks_again_only_while_a_job_is_open(web, stage: Stage):
    plant_jobs(stage, 1)
    client = web(stage.cast.pi)
    assert "every 10s" not in client.get(LIST).content.decode()
    stage.submit()
    page = client.get(LIST)
    assert 'hx-trigger="every 10s"' in page.content.decode()
    assert "HX-Request" in page["Vary"]
    fragment = part(client, LIST, "jobs")
    assert fragment.lstrip().startswith('<div id="jobs"')
    assert "<html" not in fragment


def test_another_rooms_page_gets_a_panel_without_links_of_its_own_page(web, stage: Stage):
    plant_jobs(stage, 30)
    url = f"{LIST}?allocation={stage.allocation.code}"
    panel = part(web(stage.cast.pi), url)
    assert panel.count("<tr>") == 26
    assert f'href="{url}"' in panel
    assert "ordering=" not in panel
    assert "page=2" not in panel


def test_pages_of_25(web, stage: Stage):
    plant_jobs(stage, 30)
    client = web(stage.cast.pi)
    assert len(client.get(LIST).context["page_obj"].object_list) == 25
    assert len(client.get(f"{LIST}?page=2").context["page_obj"].object_list) == 5


def test_an_empty_list_leads_on(web, stage: Stage):
    page = web(stage.cast.pi).get(f"{LIST}?allocation={stage.allocation.code}").content.decode()
    assert f'href="{reverse("job_new")}?allocation={stage.allocation.code}"' in page
    nothing_to_send_on = web(stage.cast.outsider).get(LIST).content.decode()
    assert reverse("job_new") not in nothing_to_send_on
    assert reverse("requests") in nothing_to_send_on


@pytest.mark.parametrize("count", [5, 500])
def test_the_lists_queries_dont_grow(web, stage: Stage, django_assert_max_num_queries, count):
    for job in plant_jobs(stage, count)[:5]:
        hold(stage, job)
    client = web(stage.cast.pi)
    client.get(LIST)  # the first page of a session is noted
    with django_assert_max_num_queries(10):
        client.get(LIST)


@pytest.mark.parametrize("count", [5, 500])
@pytest.mark.parametrize("who", ["pi", "member", "site_manager", "auditor"])
def test_the_pages_queries_dont_grow(web, stage: Stage, django_assert_max_num_queries, who, count):
    job = stage.submit()
    stage.drain()
    stage.follow()
    plant_jobs(stage, count)
    client = web(getattr(stage.cast, who))
    client.get(LIST)
    with django_assert_max_num_queries(15):
        assert client.get(job.get_absolute_url()).status_code == 200


# --- One job ----------------------------------------------------------------------------------------
def test_the_page_follows_the_job_to_its_end(web, stage: Stage):
    job = stage.submit()
    client = web(stage.cast.pi)
    url = job.get_absolute_url()
    assert "sent to the site as soon as" in client.get(url).content.decode()

    stage.drain()
    stage.follow()
    job.refresh_from_db()
    running = part(client, url, "job-live")
    assert running.lstrip().startswith('<div id="job-live"')
    assert 'hx-trigger="every 5s"' in running
    assert f"The site took it as Slurm job {job.slurm_job_id}." in running
    assert 'id="job-state" hx-swap-oob="true"' in running
    assert 'id="job-actions" class="cluster" hx-swap-oob="true"' in running
    assert "Running up" in running

    stage.advance(61)
    stage.follow()
    job.refresh_from_db()
    assert job.state == "completed"
    ended = client.get(url).content.decode()
    assert "hx-trigger" not in ended.split('id="job-live"')[1].split(">")[0]
    assert "It has ended well" in ended
    assert f"{job.charged:,} GPU-seconds" in ended
    assert "Ended: Completed" in ended
    assert "Runs" in ended
    assert reverse("job_cancel", args=[job.code]) not in ended


def test_it_names_the_files_that_slurm_is_told_to_write(web, stage: Stage):
    job = stage.submit()
    page = web(stage.cast.pi).get(job.get_absolute_url())
    from scheduler_bridge.dispatch.claim import claim_batch

    (claim,) = claim_batch(stage.cluster, limit=1)
    told = spec(claim)
    assert page.context["output"] == [told.stdout, told.stderr]


@pytest.mark.parametrize(
    ("who", "reads"), [("pi", True), ("member", True), ("admin", False), ("site_manager", False)]
)
def test_only_members_read_the_script(web, stage: Stage, who, reads):
    job = stage.submit(script="#!/bin/bash\n#SBATCH --time=9\nexport TOKEN=hush\n")
    client = web(getattr(stage.cast, who))
    page = client.get(job.get_absolute_url()).content.decode()
    assert ("TOKEN=hush" in page) is reads
    assert ("--time=9" in page) is reads
    again = client.get(f"{reverse('job_new')}?again={job.code}")
    assert again.status_code == (200 if reads else 403)
    assert ("TOKEN=hush" in again.content.decode()) is reads


def test_reasons_stand_in_plain_words(web, stage: Stage):
    (job,) = plant_jobs(stage, 1, state="queued", reason="AssocGrpGRESMinutes", ended_at=None)
    page = web(stage.cast.pi).get(job.get_absolute_url()).content.decode()
    assert "What is left of the budget at the site" in page
    assert "AssocGrpGRESMinutes" in page


def test_an_operator_of_the_site_sees_no_ledger(web, stage: Stage):
    operator = stage.cast.colleague
    SiteRole.objects.create(site=stage.cast.site, user=operator, role=SiteRole.Role.OPERATOR)
    page = web(operator).get(stage.submit().get_absolute_url())
    assert page.status_code == 200
    assert not page.context["sees_ledger"]
    assert not page.context["may_cancel"]
    assert stage.allocation.get_absolute_url() not in page.content.decode()


# --- Cancel -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "may"),
    [
        *[(who, True) for who in ("pi", "member", "site_manager", "admin")],
        *[(who, False) for who in ("auditor", "council")],
    ],
)
def test_who_may_cancel(web, stage: Stage, who, may):
    job = stage.submit(actor=stage.cast.member)
    client = web(getattr(stage.cast, who))
    url = reverse("job_cancel", args=[job.code])
    assert (url in client.get(job.get_absolute_url()).content.decode()) is may
    assert client.get(url).status_code == (200 if may else 403)
    client.post(url, {"reason": "Wrong data"})
    job.refresh_from_db()
    assert (job.state == "cancelled") is may
    rows = AuditRow.objects.filter(action="job_cancel", object_code=job.code)
    assert [(row.actor, row.reason) for row in rows] == (
        [(getattr(stage.cast, who).code, "Wrong data")] if may else []
    )
    assert stage.balances.held == (0 if may else 1200)


def test_what_has_ended_cant_be_cancelled(web, stage: Stage):
    (job,) = plant_jobs(stage, 1)
    client = web(stage.cast.pi)
    url = reverse("job_cancel", args=[job.code])
    assert client.get(url).status_code == 409
    reply = client.post(url)
    assert reply.status_code == 422
    assert "there is nothing to cancel" in reply.content.decode()


def test_a_cancel_of_a_running_job_asks_the_site(web, stage: Stage):
    job = stage.submit()
    stage.drain()
    client = web(stage.cast.pi)
    client.post(reverse("job_cancel", args=[job.code]))
    page = client.get(job.get_absolute_url()).content.decode()
    assert "Being cancelled" in page
    assert Job.objects.get(pk=job.pk).state == "queued"
    assert reverse("job_cancel", args=[job.code]) not in page
