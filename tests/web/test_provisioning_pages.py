"""Slurm accounts on pages and over the API: who sees what is out of line, and who may bring it in line."""

import pytest
from django.utils.html import strip_tags

from datacenters.models import Capacity, Cluster
from portal.foundation.models import AuditRow, OutboxRow
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import GPU, AssociationLimits

pytestmark = pytest.mark.django_db

HOUR = 3600
MANAGERS = {"site_manager", "admin"}
ROLES = ["pi", "member", "reviewer", "council", "auditor", "site_manager", "admin", "outsider"]


def lifted(stage) -> None:
    """Somebody took the limit away with sacctmgr."""
    binding = stage.allocation.bindings.get()
    client_for(stage.cluster).upsert_association(
        operator_token(stage.cluster), "ned", binding.slurm_account, AssociationLimits(), parent="tqpk"
    )


def asked(stage) -> int:
    return OutboxRow.objects.filter(
        topic="allocation_provision", payload={"allocation": stage.allocation.code}
    ).count()


@pytest.mark.parametrize("who", ROLES)
def test_who_sees_it(stage, web, api, who):
    user, code, site = getattr(stage.cast, who), stage.allocation.code, stage.cast.site.code
    told = [
        web(user).get(f"/allocations/{code}/slurm/").status_code,
        api(user).get(f"/api/v1/allocations/{code}/slurm/").status_code,
        web(user).get(f"/sites/{site}/bridge/drift/").status_code,
        api(user).get(f"/api/v1/sites/{site}/drift/").status_code,
    ]
    hidden = 404 if who in {"outsider", "reviewer"} else 403
    assert told == ([200] * 4 if who in MANAGERS else [hidden, hidden, 403, 403])


@pytest.mark.parametrize("who", ROLES)
def test_who_may_bring_it_in_line(stage, web, api, who):
    user, code, site = getattr(stage.cast, who), stage.allocation.code, stage.cast.site.code
    before = asked(stage)
    told = [
        web(user).post(f"/allocations/{code}/slurm/apply/").status_code,
        api(user).post(f"/api/v1/allocations/{code}/slurm/").status_code,
        web(user).post(f"/sites/{site}/bridge/drift/apply/").status_code,
        api(user).post(f"/api/v1/sites/{site}/drift/").status_code,
    ]
    hidden = 404 if who in {"outsider", "reviewer"} else 403
    assert told == ([302, 202, 302, 202] if who in MANAGERS else [hidden, hidden, 403, 403])
    assert asked(stage) - before == (4 if who in MANAGERS else 0)


def test_the_pages_tell_what_would_be_done(stage, web, api):
    page = f"/allocations/{stage.allocation.code}/slurm/"
    assert "In line" in web(stage.cast.site_manager).get(page).content.decode()
    lifted(stage)
    shown = web(stage.cast.site_manager).get(page).content.decode()
    assert "Out of line" in shown
    assert "set GrpTRESMins=gres/gpu=6000" in shown
    assert "1 allocation on this page is out of line" in (
        web(stage.cast.admin).get(f"/sites/{stage.cast.site.code}/bridge/drift/").content.decode()
    )
    line = api(stage.cast.admin).get(f"/api/v1/sites/{stage.cast.site.code}/drift/").json()["results"][0]
    assert (line["allocation"], line["in_line"]) == (stage.allocation.code, False)
    assert line["found"]["(account)"]["gpu_minutes"] is None
    reconcile(stage.fresh_allocation())
    line = api(stage.cast.admin).get(f"/api/v1/allocations/{stage.allocation.code}/slurm/").json()
    assert line["in_line"]
    assert line["found"]["(account)"]["gpu_minutes"] == 6000


def test_a_cluster_that_doesnt_answer_is_told(stage, web, api):
    stage.cluster.url = "http://127.0.0.1:9"
    stage.cluster.save()
    shown = web(stage.cast.admin).get(f"/allocations/{stage.allocation.code}/slurm/")
    assert shown.status_code == 200
    assert "could not be reached" in shown.content.decode()
    assert api(stage.cast.admin).get(f"/api/v1/allocations/{stage.allocation.code}/slurm/").json()["error"]


def test_a_second_factor_is_needed(stage, web, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    before = asked(stage)
    web(stage.cast.site_manager).post(f"/allocations/{stage.allocation.code}/slurm/apply/")
    assert asked(stage) == before


def test_adopting_on_the_page(stage, web):
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    client.upsert_account(token, "hpcgroup", description="the group", organization="hpc")
    client.upsert_association(token, "ned", "hpcgroup", AssociationLimits(group_tres_minutes={GPU: 500}))
    address = f"/allocations/{stage.allocation.code}/slurm/adopt/"
    assert web(stage.cast.site_manager).get(address).status_code == 403
    browser = web(stage.cast.admin)
    assert browser.post(address, {"slurm_account": "nosuch"}).status_code == 422
    unseen = browser.post(address, {"slurm_account": "hpcgroup", "confirm": "on"})
    assert "the group" in unseen.content.decode(), "what wasn't looked at isn't adopted"
    assert not stage.allocation.bindings.filter(adopted=True).exists()
    sent = {"slurm_account": "hpcgroup", "seen": "hpcgroup", "confirm": "on"}
    assert browser.post(address, sent).status_code == 302
    assert stage.allocation.bindings.get(adopted=True).slurm_account == "hpcgroup"


def test_adopting_over_the_api(stage, api):
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    client.upsert_account(token, "hpcgroup", description="the group", organization="hpc")
    client.upsert_association(token, "ned", "hpcgroup", AssociationLimits())
    address = f"/api/v1/allocations/{stage.allocation.code}/slurm/adopt/"
    found = api(stage.cast.admin).get(address, {"slurm_account": "hpcgroup"})
    assert found.json()["description"] == "the group"
    body = {"slurm_account": "hpcgroup", "confirm": False}
    assert api(stage.cast.admin).post(address, body, format="json").status_code == 400
    body["confirm"] = True
    assert api(stage.cast.site_manager).post(address, body, format="json").status_code == 403
    assert api(stage.cast.admin).post(address, body, format="json").status_code == 201


@pytest.mark.parametrize("channel", ["page", "api"])
def test_lending_a_share(stage, web, api, channel):
    Capacity.objects.update(gpu_seconds=8000 * HOUR)
    body = {"lent_percent": 30, "reason": "As agreed"}

    def send(user, **changes):
        if channel == "page":
            return web(user).post(f"/sites/{stage.cast.site.code}/bridge/share/", body | changes)
        return api(user).post(f"/api/v1/sites/{stage.cast.site.code}/share/", body | changes, format="json")

    assert send(stage.cast.site_manager).status_code == 403
    assert send(stage.cast.admin, lent_percent=6).status_code in {400, 422}
    assert send(stage.cast.admin).status_code in {200, 302}
    assert Cluster.objects.get(pk=stage.cluster.pk).lent_percent == 30
    assert AuditRow.objects.get(action="cluster_update").after == {"lent_percent": 30}
    page = web(stage.cast.pi).get(f"/sites/{stage.cast.site.code}/").content.decode()
    assert "30 %: 4 of 16 GPUs" in strip_tags(page)
    reconcile(stage.fresh_allocation())
    parent = client_for(stage.cluster).association(operator_token(stage.cluster), "ned", "tqpk")
    assert parent.limits.group_tres == {GPU: 4}


def test_the_list_asks_the_database_little(stage, web, django_assert_max_num_queries):
    browser = web(stage.cast.admin)
    browser.get(f"/sites/{stage.cast.site.code}/bridge/drift/")
    with django_assert_max_num_queries(20):
        browser.get(f"/sites/{stage.cast.site.code}/bridge/drift/")
