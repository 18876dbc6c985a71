"""Pages about sites as the bridge knows them: logins and the connection to Slurm."""

from datetime import timedelta

import pytest
from django.urls import reverse

from allocations.awards.models import Allocation
from portal.foundation import clock
from portal.foundation.models import AuditRow, OutboxRow
from scheduler_bridge.models import ClusterGate, ProvisioningRun, SiteLogin
from tests.bridge_stage import Stage
from tests.job_rows import plant_jobs


@pytest.mark.parametrize("name", ["site_logins", "logins_import", "site_bridge", "site_reconcile"])
@pytest.mark.parametrize("who", ["pi", "auditor", "council", "outsider"])
def test_only_who_runs_the_site(web, stage: Stage, name, who):
    client = web(getattr(stage.cast, who))
    assert client.post(reverse(name, args=["ned"])).status_code in {403, 405}
    assert client.get(reverse(name, args=["ned"])).status_code == 403
    assert not AuditRow.objects.filter(action="site_reconcile").exists()


def test_who_cant_send_jobs_yet_comes_first(web, stage: Stage):
    url = reverse("site_logins", args=["ned"])
    client = web(stage.cast.site_manager)
    page = client.get(url)
    assert {person.name for person in page.context["waiting"]} == {"Pi", "Member"}
    assert "their logins are made with their first job" in page.content.decode()
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    assert "can't send jobs until" in client.get(url).content.decode().replace("&#x27;", "'")

    reply = client.post(url, {"email": stage.cast.pi.email, "login": "ayesha"})
    assert (reply.status_code, reply["Location"]) == (302, url)
    page = client.get(url)
    assert {person.name for person in page.context["waiting"]} == {"Member"}
    assert "ayesha" in page.content.decode()
    row = AuditRow.objects.get(action="login_propose", object_code=stage.cast.pi.code)
    told = {"site": "ned", "login": "ayesha", "state": "proposed"}
    assert (row.actor, row.after) == (stage.cast.site_manager.code, told)


@pytest.mark.parametrize(
    ("wrong", "field"), [({"email": "nobody@example.pk"}, "email"), ({"login": "root"}, "login")]
)
def test_a_wrong_link_keeps_what_was_typed(web, cast, wrong, field):
    url = reverse("site_logins", args=["ned"])
    typed = {"email": cast.pi.email, "login": "ayesha"} | wrong
    reply = web(cast.site_manager).post(url, typed)
    form = reply.context["form"]
    assert (reply.status_code, list(form.errors)) == (422, [field])
    assert {name: form[name].value() for name in form.fields} == typed


def test_the_address_comes_with_the_link(web, cast):
    page = web(cast.admin).get(reverse("site_logins", args=["ned"]) + "?email=pi@example.pk")
    assert page.context["form"]["email"].value() == "pi@example.pk"


def test_my_logins(web, stage: Stage):
    url = reverse("my_logins")
    client = web(stage.cast.pi)
    assert "A sandbox makes your login with your first job." in client.get(url).content.decode()
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    assert "no login yet" in client.get(url).content.decode()
    SiteLogin.objects.create(
        user=stage.cast.pi, site=stage.cast.site, login="ayesha", linked_by=stage.cast.admin
    )
    page = client.get(url).content.decode()
    assert "ayesha" in page
    assert "no login yet" not in page
    assert "No site login yet" in web(stage.cast.outsider).get(url).content.decode()
    # A manager's own page shows their own logins, not everybody's.
    assert "ayesha" not in web(stage.cast.site_manager).get(url).content.decode()


# --- The connection ---------------------------------------------------------------------------------
def test_the_connection_is_told(web, stage: Stage):
    stage.follow()
    plant_jobs(stage, 1, state="uncertain", uncertain_since=clock.now(), reason="Lost", ended_at=None)
    ClusterGate.objects.create(cluster=stage.cluster, failures=0)
    page = web(stage.cast.site_manager).get(reverse("site_bridge", args=["ned"]))
    shown = page.content.decode()
    (row,) = page.context["rows"]
    assert row[1].desired["limit_minutes"] == 6000
    assert row[1].desired["slurm_account"] in shown
    assert "Answers" in shown
    assert "Job 0" in shown
    assert page.context["counts"]["uncertain"] == 1


def test_trouble_is_told(web, stage: Stage):
    stage.cluster.problem = "Connection refused"
    stage.cluster.save()
    ClusterGate.objects.create(
        cluster=stage.cluster, failures=3, closed_until=clock.now() + timedelta(minutes=1), last_error="5005"
    )
    ProvisioningRun.objects.create(allocation=stage.allocation, error="slurmdbd is away")
    shown = web(stage.cast.admin).get(reverse("site_bridge", args=["ned"])).content.decode()
    for words in ("Connection refused", "Shut after 3 failures", "5005", "slurmdbd is away"):
        assert words in shown


@pytest.mark.parametrize("one", [False, True])
def test_reconcile_now(web, stage: Stage, one):
    other = Allocation.objects.create(
        project=stage.cast.project,
        resource=stage.cast.resource,
        starts_on=stage.allocation.starts_on,
        ends_on=stage.allocation.ends_on,
    )
    OutboxRow.objects.all().delete()
    data = {"allocation": stage.allocation.code} if one else {}
    reply = web(stage.cast.site_manager).post(reverse("site_reconcile", args=["ned"]), data)
    assert reply["Location"] == reverse("site_bridge", args=["ned"])
    wanted = {stage.allocation.code} | (set() if one else {other.code})
    rows = OutboxRow.objects.filter(topic="allocation_provision")
    assert {row.payload["allocation"] for row in rows} == wanted
    audited = AuditRow.objects.get(action="site_reconcile")
    assert (audited.actor, set(audited.after["allocations"])) == (stage.cast.site_manager.code, wanted)


def test_an_allocation_of_another_site_isnt_reconciled_here(web, stage: Stage):
    url = reverse("site_reconcile", args=["ned"])
    assert web(stage.cast.admin).post(url, {"allocation": "alc-nonesuch"}).status_code == 404


@pytest.mark.parametrize("count", [5, 500])
def test_queries_dont_grow(web, stage: Stage, django_assert_max_num_queries, count):
    many = Allocation.objects.bulk_create(
        Allocation(
            project=stage.cast.project,
            resource=stage.cast.resource,
            starts_on=stage.allocation.starts_on,
            ends_on=stage.allocation.ends_on,
        )
        for _ in range(count)
    )
    ProvisioningRun.objects.bulk_create(ProvisioningRun(allocation=one, error="away") for one in many * 2)
    plant_jobs(stage, count, state="uncertain", uncertain_since=clock.now(), ended_at=None)
    client = web(stage.cast.site_manager)
    client.get(reverse("my_logins"))
    for name in ("site_bridge", "site_logins"):
        with django_assert_max_num_queries(15):
            assert client.get(reverse(name, args=["ned"])).status_code == 200
