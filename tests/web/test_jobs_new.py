"""The form that sends a job: cost before sending, refusals beside their field, nothing typed is lost."""

import html

import pytest
from django.urls import reverse

from portal.foundation.models import AuditRow
from scheduler_bridge.jobs.web.fields import GigabytesField, WallTimeField
from scheduler_bridge.models import Job
from tests.bridge_stage import SCRIPT, Stage

NEW = reverse("job_new")


@pytest.fixture
def typed(stage: Stage):
    """A good form: 2 GPUs for an hour and a half."""
    return {
        "title": "Training",
        "allocation": stage.allocation.code,
        "gpus": "2",
        "wall_minutes": "1:30",
        "cpus": "",
        "memory_mb": "",
        "script": SCRIPT,
    }


def text(reply):
    return html.unescape(reply.content.decode())


def test_a_job_is_sent(web, stage: Stage, typed):
    reply = web(stage.cast.member).post(NEW, typed)
    job = Job.objects.get()
    assert (reply.status_code, reply["Location"]) == (302, job.get_absolute_url())
    assert (job.gpus, job.cpus, job.memory_mb, job.wall_minutes) == (2, 16, 120_000, 90)
    assert (job.state, job.submitted_by) == ("approved", stage.cast.member)
    assert stage.balances.held == 2 * 90 * 60
    row = AuditRow.objects.get(action="job_submit", object_code=job.code)
    assert (row.actor, row.after["held_gpu_seconds"]) == (stage.cast.member.code, 10_800)


def test_urdu_digits_and_gigabytes(web, stage: Stage, typed):
    web(stage.cast.pi).post(
        NEW, typed | {"gpus": "۲", "wall_minutes": "۰:۴۵", "memory_mb": "۱٫۵", "cpus": "۴"}
    )
    job = Job.objects.get()
    assert (job.gpus, job.wall_minutes, job.memory_mb, job.cpus) == (2, 45, 1500, 4)


@pytest.mark.parametrize("who", ["admin", "site_manager", "auditor", "colleague", "outsider"])
def test_who_is_no_member_sends_nothing(web, stage: Stage, typed, who):
    client = web(getattr(stage.cast, who))
    assert stage.allocation.code not in client.get(NEW).content.decode()
    reply = client.post(NEW, typed)
    assert reply.status_code == 422
    assert "allocation" in reply.context["form"].errors
    assert not Job.objects.exists()
    assert stage.balances.held == 0


def test_the_form_begins_with_the_only_allocation_and_its_cost(web, stage: Stage):
    page = web(stage.cast.pi).get(NEW)
    assert page.context["estimate"].cost.most == 3600
    assert "Ned H100 · 100 GPU-hours available" in text(page)
    assert "NVIDIA H100" in page.context["form"]["script"].value()


def test_check_cost_without_javascript(web, stage: Stage, typed):
    stage.cast.resource.rate_pkr = 600
    stage.cast.resource.save()
    reply = web(stage.cast.pi).post(NEW, typed | {"check": "1", "title": ""})
    assert reply.status_code == 200
    cost = reply.context["estimate"].cost
    assert (cost.most, cost.available, cost.left) == (10_800, 360_000, 349_200)
    page = text(reply)
    assert "PKR 1,800" in page
    assert "10,800 GPU-seconds" in page
    assert "349,200 GPU-seconds" in page
    assert "Only what really runs is charged" in page
    assert page.count("(optional)") == 2, "only CPUs and memory"
    assert not Job.objects.exists()


def test_the_cost_while_typing(web, stage: Stage, typed):
    client = web(stage.cast.pi)
    url = reverse("job_cost")
    live = client.get(url, typed, headers={"HX-Request": "true"})
    assert live.content.decode().strip().startswith('<div id="cost"')
    assert "10,800 GPU-seconds" in text(live)
    unfinished = client.get(url, typed | {"wall_minutes": "1:"}, headers={"HX-Request": "true"})
    assert "the cost appears here" in text(unfinished)
    plain = client.get(url, {"allocation": stage.allocation.code, "gpus": "3"})
    assert plain["Location"] == f"{NEW}?allocation={stage.allocation.code}&gpus=3"


def test_strangers_learn_no_cost(web, stage: Stage, typed):
    live = web(stage.cast.outsider).get(reverse("job_cost"), typed, headers={"HX-Request": "true"})
    assert "GPU-seconds" not in text(live)


@pytest.mark.parametrize("check", [{}, {"check": "1"}])
@pytest.mark.parametrize(
    ("wrong", "field", "figures"),
    [
        ({"gpus": "9"}, "gpus", ["9", "8"]),
        ({"gpus": "many"}, "gpus", []),
        ({"gpus": "0"}, "gpus", []),
        ({"cpus": "17"}, "cpus", ["17", "16"]),
        ({"memory_mb": "121"}, "memory_mb", ["121 GB", "120 GB"]),
        ({"memory_mb": "lots"}, "memory_mb", []),
        ({"memory_mb": "1e999"}, "memory_mb", []),
        ({"memory_mb": "0,5"}, "memory_mb", ["1.5"]),
        ({"wall_minutes": "48:01"}, "wall_minutes", ["48:01", "48:00"]),
        ({"wall_minutes": "an hour"}, "wall_minutes", ["1:30"]),
        ({"wall_minutes": "1:75"}, "wall_minutes", ["59"]),
        ({"wall_minutes": ""}, "wall_minutes", []),
        ({"allocation": "alc-nonesuch"}, "allocation", []),
    ],
)
def test_bad_input_names_its_field_and_keeps_what_was_typed(web, stage, typed, check, wrong, field, figures):
    reply = web(stage.cast.pi).post(NEW, typed | wrong | check)
    assert reply.status_code == 422
    form = reply.context["form"]
    assert list(form.errors) == [field]
    for figure in figures:
        assert figure in form.errors[field][0]
    assert form["script"].value() == SCRIPT
    assert form["title"].value() == "Training"
    if field != "allocation":
        assert form[field].value() == wrong[field]
    assert not Job.objects.exists()


@pytest.mark.parametrize("script", ["echo no interpreter", "", "#!/bin/bash\n" + "x" * 70_000])
def test_a_script_that_slurm_wouldnt_take(web, stage: Stage, typed, script):
    reply = web(stage.cast.pi).post(NEW, typed | {"script": script})
    assert (reply.status_code, list(reply.context["form"].errors)) == (422, ["script"])
    assert stage.balances.held == 0


def test_over_budget_is_refused_with_the_figures(web, stage: Stage, typed):
    greedy = typed | {"gpus": "8", "wall_minutes": "48:00"}
    client = web(stage.cast.pi)
    checked = client.post(NEW, greedy | {"check": "1"})
    assert "More than is available" in text(checked)
    assert "284" in text(checked)  # of 384 GPU-hours 100 are there
    reply = client.post(NEW, greedy)
    assert reply.status_code == 422
    (error,) = reply.context["form"].errors["gpus"]
    assert "384" in error
    assert "100" in error
    assert not Job.objects.exists()


def test_data_that_the_site_may_not_hold(web, stage: Stage, typed):
    stage.cast.project.data_class = "sensitive"
    stage.cast.project.save()
    client = web(stage.cast.pi)
    reply = client.post(NEW, typed)
    assert list(reply.context["form"].errors) == ["allocation"]
    assert "may not hold data" in text(client.get(reverse("job_cost"), typed, headers={"HX-Request": "true"}))
    assert not Job.objects.exists()


def test_a_real_site_needs_a_login(web, stage: Stage, typed):
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    reply = web(stage.cast.pi).post(NEW, typed)
    assert "You have no confirmed login at Ned yet." in reply.context["form"].errors["allocation"][0]
    assert stage.balances.held == 0


def test_a_suspended_allocation_isnt_offered_and_says_why(web, stage: Stage, typed):
    stage.allocation.state = "suspended"
    stage.allocation.save()
    client = web(stage.cast.pi)
    page = text(client.get(NEW))
    assert "No allocation on which you can send a job" in page
    reply = client.post(NEW, typed)
    assert "Suspended" in reply.context["form"].errors["allocation"][0]


def test_sbatch_lines_are_told_to_be_ignored(web, stage: Stage, typed):
    script = "#!/bin/bash\n#SBATCH --gres=gpu:8\nsleep 1\n"
    reply = web(stage.cast.pi).post(NEW, typed | {"script": script, "check": "1"})
    assert "#SBATCH lines are ignored" in text(reply)
    assert "--gres=gpu:8" in text(reply)


def test_again_begins_with_what_the_job_was(web, stage: Stage):
    job = stage.submit(cpus=6, memory_mb=1500, wall_minutes=75)
    page = web(stage.cast.member).get(f"{NEW}?again={job.code}")
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    assert values == {
        "title": "Training",
        "allocation": stage.allocation.code,
        "gpus": 2,
        "wall_minutes": "1:15",
        "cpus": 6,
        "memory_mb": "1.5",
        "script": SCRIPT,
    }
    assert web(stage.cast.outsider).get(f"{NEW}?again={job.code}").status_code == 404


@pytest.mark.parametrize(
    ("text", "minutes"), [("90", 90), ("1:30", 90), ("0:05", 5), (" 48:00 ", 2880), ("۱:۳۰", 90), ("٩٠", 90)]
)
def test_wall_times(text, minutes):
    assert WallTimeField().clean(text) == minutes


@pytest.mark.parametrize(
    ("text", "megabytes"), [("64", 64_000), ("1.5", 1500), ("۲", 2000), ("1,000", 1_000_000)]
)
def test_gigabytes(text, megabytes):
    assert GigabytesField().clean(text) == megabytes
