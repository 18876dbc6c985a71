"""Pages of the preflight."""

import pytest
from django.urls import reverse
from django.utils import translation

from datacenters.models import Cluster, Resource
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight import selectors
from scheduler_bridge.sites.preflight.services import preflight_start
from scheduler_bridge.sites.preflight.tasks import preflight
from tests.bridge_stage import Stage
from tests.unit.test_preflight import SHOWN

pytestmark = pytest.mark.django_db
PAGE = reverse("site_preflight", args=["ned"])
START = reverse("site_preflight_start", args=["ned"])
CONFIG = reverse("site_slurm_config", args=["ned"])
SWITCH = reverse("site_switch_on", args=["ned"])


def flown(stage: Stage) -> PreflightRun:
    cluster = Cluster.objects.select_related("site").get(pk=stage.cluster.pk)
    run = preflight_start(actor=stage.cast.site_manager, cluster=cluster)
    preflight(run.code)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("who", ["pi", "auditor", "council", "outsider"])
def test_only_who_runs_the_site(web, stage: Stage, who):
    client = web(getattr(stage.cast, who))
    for url in (PAGE, CONFIG, SWITCH, reverse("site_preflight_panel", args=["ned"])):
        assert client.get(url).status_code == 403
    for url in (START, CONFIG, SWITCH):
        assert client.post(url).status_code == 403
    assert not PreflightRun.objects.exists()


def test_from_the_button_to_the_lines(web, stage: Stage):
    client = web(stage.cast.site_manager)
    page = client.get(PAGE).content.decode()
    assert "No preflight yet" in page
    assert "Run preflight" in page
    reply = client.post(START)
    assert (reply.status_code, reply["Location"]) == (302, PAGE)
    waiting = client.get(PAGE).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert "Reload" in waiting
    run = PreflightRun.objects.get()
    preflight(run.code)
    page = client.get(PAGE).content.decode()
    assert 'hx-trigger="every 2s"' not in page
    for words in ("Hard fence", "Slurm accepts the portal&#x27;s token", "MinTRESPerJob", "Slurm admin"):
        assert words in page, words
    fragment = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="preflight-run"')
    assert "<html" not in fragment


def test_a_site_without_a_cluster(web, cast):
    Resource.objects.filter(cluster=cast.cluster).update(cluster=None)
    cast.cluster.delete()
    client = web(cast.site_manager)
    page = client.get(PAGE)
    assert (page.status_code, "No cluster is connected" in page.content.decode()) == (200, True)
    assert "Run preflight" not in page.content.decode()
    assert client.post(START).status_code == 404


def test_earlier_runs_stay(web, stage: Stage):
    first = flown(stage)
    Cluster.objects.filter(pk=stage.cluster.pk).update(url="http://127.0.0.1:9")
    second = flown(stage)
    client = web(stage.cast.admin)
    page = client.get(PAGE).content.decode()
    assert "refuses connections" in page
    assert "ledger stops over-use" in page
    assert first.code in page
    old = client.get(first.get_absolute_url()).content.decode()
    assert "answers on port" in old
    assert "refuses connections" not in old
    assert client.get(reverse("site_preflight_run", args=["ned", "pfl-0000000000"])).status_code == 404
    panel = client.get(reverse("site_preflight_panel", args=["ned"]), headers={"HX-Request": "true"})
    site = client.get(reverse("site", args=["ned"])).content.decode()
    assert reverse("site_preflight_panel", args=["ned"]) in site
    assert "Ledger only" in panel.content.decode()
    assert client.get(reverse("site_preflight_panel", args=["ned"]))["Location"] == PAGE
    assert second.verdict == "ledger_only"


def test_a_run_that_broke_off_says_so(web, stage: Stage):
    preflight_start(actor=stage.cast.admin, cluster=stage.cluster)
    PreflightRun.objects.update(updated_at="2026-01-01T00:00:00Z")
    page = web(stage.cast.site_manager).get(PAGE).content.decode()
    assert "Broke off" in page
    assert "every 2s" not in page


def test_lines_come_in_the_readers_language(stage: Stage):
    run = flown(stage)
    with translation.override("ur"):
        told = {line["check"]: line for line in selectors.told(run)}
    assert told["reachable"]["params"]["port"] == int(stage.cluster.url.rpartition(":")[2])


def test_pasting_the_configuration(web, stage: Stage):
    Cluster.objects.filter(pk=stage.cluster.pk).update(is_sandbox=False)
    client = web(stage.cast.site_manager)
    wrong = client.post(CONFIG, {"text": "hello"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, ["text"])
    assert client.post(CONFIG, {"text": SHOWN})["Location"] == PAGE
    page = client.get(PAGE).content.decode()
    assert "PriorityDecayHalfLife" in page
    assert "jwt_key" not in page


def test_switching_on(web, stage: Stage):
    Cluster.objects.filter(pk=stage.cluster.pk).update(is_enabled=False)
    assert web(stage.cast.site_manager).get(SWITCH).status_code == 403
    client = web(stage.cast.admin)
    assert "had a preflight" in client.get(SWITCH).content.decode()
    refused = client.post(SWITCH, {"reason": ""})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["reason"])
    assert not Cluster.objects.get(pk=stage.cluster.pk).is_enabled
    flown(stage)
    assert "Switch the cluster on" in client.get(PAGE).content.decode()
    assert client.post(SWITCH, {"reason": ""})["Location"] == PAGE
    assert Cluster.objects.get(pk=stage.cluster.pk).is_enabled
    assert "Switch the cluster on" not in client.get(PAGE).content.decode()


def test_queries_dont_grow(web, stage: Stage, django_assert_max_num_queries):
    run = flown(stage)
    client = web(stage.cast.site_manager)
    client.get(PAGE)
    PreflightRun.objects.bulk_create(
        PreflightRun(cluster=stage.cluster, requested_by=stage.cast.admin, state="done", lines=run.lines)
        for _ in range(50)
    )
    with django_assert_max_num_queries(15):
        assert client.get(PAGE).status_code == 200
