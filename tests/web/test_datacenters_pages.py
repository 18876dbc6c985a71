"""Pages of sites and resources, for those who may, those who may not, and visitors."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datacenters.models import Accreditation, Capacity, Cluster, Resource, Site, SiteRole
from datacenters.services import cluster_update
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.models import AuditRow
from tests.cast import site

SITE = {
    "code": "quantum",
    "name": "Quantum Valley",
    "kind": "bridged",
    "city": "Haripur",
    "province": "kp",
    "is_open": "on",
}
CLUSTER_SECRETS = ("http://127.0.0.1:9", "ned.key", "tqportal")
CLUSTER = {
    "code": "quantum",
    "slurm_name": "quantum",
    "url": "http://10.0.0.7:6820",
    "signer": "quantum.key",
    "operator_login": "tqportal",
    "lent_percent": 100,
    "max_pending": 100,
}


@pytest.fixture
def keys(settings, tmp_path):
    settings.KEYS_DIR = tmp_path
    (tmp_path / "quantum.key").write_bytes(b"k" * 32)
    return tmp_path


def forms_of_a_site(cast):
    return {
        "admin": [
            "/sites/new/",
            "/sites/ned/cluster/",
            "/sites/ned/accreditation/",
            "/sites/ned/accreditation/restricted/withdraw/",
            "/sites/ned/roles/new/",
        ],
        "manager": [
            "/sites/ned/edit/",
            "/sites/ned/resources/new/",
            "/resources/ned-h100/edit/",
            "/resources/ned-h100/capacity/",
        ],
    }


@pytest.mark.parametrize("who", [None, "outsider", "pi", "site_manager", "admin"])
@pytest.mark.parametrize("address", ["/sites/", "/sites/ned/", "/resources/ned-h100/"])
def test_everybody_reads_and_only_managers_see_how_the_cluster_is_reached(cast, web, who, address):
    page = web(getattr(cast, who) if who else None).get(address)
    assert page.status_code == 200
    text = page.content.decode()
    assert "Ned" in text
    sees = any(secret in text for secret in CLUSTER_SECRETS)
    assert sees is (address == "/sites/ned/" and who in {"site_manager", "admin"})


def test_the_site_page_tells_what_counts(cast, web):
    Accreditation.objects.create(
        site=cast.site, data_class="restricted", expires_on=clock.today() - timedelta(days=1)
    )
    text = web(None).get("/sites/ned/").content.decode()
    assert "Sandbox" in text
    assert "10,000" in text
    assert str(Quarter.of(clock.today())) in text
    assert "Expired" in text


@pytest.mark.parametrize("address", ["/sites/nowhere/", "/resources/nothing/"])
def test_what_isnt_there_is_404(cast, web, address):
    assert web(cast.admin).get(address).status_code == 404


def test_who_may_open_which_form(cast, web):
    forms = forms_of_a_site(cast)
    for address in forms["admin"] + forms["manager"]:
        assert web(cast.admin).get(address).status_code == 200, address
        assert web(cast.outsider).get(address).status_code == 403, address
        assert web(None).get(address).status_code == 302, address
        is_manager = address in forms["manager"]
        assert web(cast.site_manager).get(address).status_code == (200 if is_manager else 403), address


def test_posting_a_form_without_permission_changes_nothing(cast, web):
    assert web(cast.outsider).post("/sites/new/", SITE).status_code == 403
    assert web(cast.outsider).post("/sites/ned/edit/", SITE).status_code == 403
    assert list(Site.objects.values_list("name", flat=True)) == ["Ned"]
    assert not AuditRow.objects.exists()


def test_an_admin_adds_a_whole_site_in_the_browser(cast, web, keys):
    admin = web(cast.admin)
    assert admin.post("/sites/new/", SITE).url == "/sites/quantum/"
    assert next_step(admin) == "/sites/quantum/cluster/"
    form = admin.get("/sites/quantum/cluster/").context["form"]
    assert form["signer"].value() == "quantum.key"
    assert {"api_version", "is_enabled"}.isdisjoint(form.fields)
    assert admin.post("/sites/quantum/cluster/", CLUSTER).url == "/sites/quantum/"
    cluster = Cluster.objects.get(code="quantum")
    assert not cluster.is_enabled
    assert "Switched off" in admin.get("/sites/quantum/").content.decode()
    cluster_update(actor=cast.admin, cluster=cluster, is_enabled=True)  # as after a preflight
    assert next_step(admin) == "/sites/quantum/resources/new/"
    resource = {
        "code": "quantum-h200",
        "name": "Quantum H200",
        "gpu_model": "NVIDIA H200",
        "gres_type": "h200",
        "partition": "gpu",
        "gpu_count": 8,
        "gpus_per_node": 8,
        "max_gpus_per_job": 8,
        "max_cpus_per_gpu": 8,
        "max_memory_mb_per_gpu": 60000,
        "max_wall_minutes": 2880,
        "charge_factor": "1.5",
        "is_open": "on",
    }
    assert admin.post("/sites/quantum/resources/new/", resource).url == "/resources/quantum-h200/"
    quarter = str(Quarter.of(clock.today()))
    assert next_step(admin) == f"/resources/quantum-h200/capacity/?quarter={quarter}"
    capacity = {"quarter": quarter, "gpu_hours": "1234.5", "reason": "Opening"}
    assert admin.post("/resources/quantum-h200/capacity/", capacity).status_code == 302
    assert Capacity.objects.get(resource__code="quantum-h200").gpu_seconds == 4_444_200
    until = (clock.today() + timedelta(days=90)).isoformat()
    held = {"data_class": "restricted", "expires_on": until}
    assert admin.post("/sites/quantum/accreditation/", held).status_code == 302
    assert Site.objects.get(code="quantum").holds("restricted")
    assert next_step(admin) == "/sites/quantum/roles/new/"
    role = {"email": cast.member.email, "role": "manager"}
    assert admin.post("/sites/quantum/roles/new/", role).status_code == 302
    assert admin.get("/sites/quantum/").context["steps"] == []
    assert web(cast.member).get("/sites/quantum/edit/").status_code == 200
    assert AuditRow.objects.filter(object_code__startswith="quantum", channel="web").count() == 6


def next_step(client) -> str:
    """Where the page of the new site leads next."""
    page = client.get("/sites/quantum/")
    (step,) = [step for step in page.context["steps"] if step.is_next]
    assert f'href="{step.href}"' in page.content.decode()
    return step.href


def test_the_key_is_named_and_its_folder_stays_hidden(cast, web, keys, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("safe") / "ned.key"
    elsewhere.write_bytes(b"k" * 32)
    both = CLUSTER | {"signer_path": str(elsewhere)}
    for wrong in (both, CLUSTER | {"signer": ""}, CLUSTER | {"signer": "nonesuch.key"}):
        page = web(cast.admin).post("/sites/ned/cluster/", wrong)
        assert (page.status_code, list(page.context["form"].errors)) == (422, ["signer"])
    right = CLUSTER | {"signer": "", "signer_path": str(elsewhere)}
    assert web(cast.admin).post("/sites/ned/cluster/", right).status_code == 302
    assert Cluster.objects.get(code="ned").signer == str(elsewhere)
    form = web(cast.admin).get("/sites/ned/cluster/").context["form"]
    assert (form["signer"].value(), form["signer_path"].value()) == ("", str(elsewhere))
    for who in (cast.site_manager, cast.admin):
        shown = web(who).get("/sites/ned/").content.decode()
        assert "ned.key" in shown
        assert str(elsewhere.parent) not in shown


def test_a_real_cluster_that_is_led_elsewhere_is_told_to_be_off(cast, web, keys):
    admin, same = web(cast.admin), CLUSTER | {"slurm_name": "ned", "url": "http://127.0.0.1:9"}
    Cluster.objects.update(is_sandbox=False, signer="quantum.key")
    assert "switches the cluster off" in admin.get("/sites/ned/cluster/").content.decode()
    page = admin.post("/sites/ned/cluster/", same, follow=True).content.decode()
    assert "reached in another way now" not in page
    assert Cluster.objects.get().is_enabled
    page = admin.post(
        "/sites/ned/cluster/", same | {"url": "http://10.0.0.9:1"}, follow=True
    ).content.decode()
    assert "reached in another way now" in page
    assert not Cluster.objects.get().is_enabled
    assert "switches the cluster off" not in admin.get("/sites/ned/cluster/").content.decode()


def test_an_admin_switches_a_cluster_off(cast, web):
    for who in (cast.site_manager, cast.outsider):
        assert web(who).post("/sites/ned/cluster/off/").status_code == 403
    assert Cluster.objects.get(code="ned").is_enabled
    assert web(cast.admin).post("/sites/ned/cluster/off/").url == "/sites/ned/"
    assert not Cluster.objects.get(code="ned").is_enabled
    # Somebody who typed the address of the button is led to its page.
    assert web(cast.admin).get("/sites/ned/cluster/off/").url == "/sites/ned/"


def test_an_unbridged_site_is_opened_without_a_cluster(cast, web):
    admin = web(cast.admin)
    assert admin.post("/sites/new/", SITE | {"kind": "unbridged"}).status_code == 302
    assert next_step(admin) == "/sites/quantum/resources/new/"
    fields = admin.get("/sites/quantum/resources/new/").context["form"].fields
    assert {"partition", "gres_type"}.isdisjoint(fields)
    assert {"partition", "gres_type"} <= set(admin.get("/sites/ned/resources/new/").context["form"].fields)
    shown = admin.get("/sites/quantum/").content.decode()
    assert "This site is unbridged" in shown
    assert "Connect a cluster" not in shown
    page = admin.post("/sites/quantum/cluster/", CLUSTER)
    assert page.status_code == 422


def test_only_admins_change_a_sites_kind(cast, web):
    assert "kind" in web(cast.admin).get("/sites/ned/edit/").context["form"].fields
    assert "kind" not in web(cast.site_manager).get("/sites/ned/edit/").context["form"].fields


def test_a_role_is_taken_back_and_accreditations_withdrawn(cast, web):
    admin = web(cast.admin)
    address = f"/sites/ned/roles/{cast.site_manager.code}/manager/revoke/"
    assert admin.post(address).status_code == 302
    assert not SiteRole.objects.exists()
    assert "have this role here" in admin.post(address, follow=True).content.decode()
    Accreditation.objects.create(site=cast.site, data_class="sensitive", expires_on=clock.today())
    withdraw = "/sites/ned/accreditation/sensitive/withdraw/"
    assert admin.post(withdraw, {"reason": ""}).status_code == 422
    assert admin.post(withdraw, {"reason": "Breach"}).status_code == 302
    assert not Accreditation.objects.exists()
    assert admin.post(withdraw, {"reason": "Again"}).status_code == 422


@pytest.mark.parametrize(
    ("address", "wrong", "field", "kept"),
    [
        ("/sites/new/", SITE | {"code": "Not plain"}, "code", "Haripur"),
        ("/sites/new/", SITE | {"code": "ned"}, "code", "Haripur"),
        ("/sites/ned/roles/new/", {"email": "nobody@example.pk", "role": "manager"}, "email", "nobody@"),
        ("/resources/ned-h100/capacity/", {"gpu_hours": "999999999", "reason": "More"}, "gpu_hours", "More"),
        (
            "/sites/ned/accreditation/",
            {"data_class": "sensitive", "expires_on": "2020-01-01", "reference": "A-17"},
            "expires_on",
            "A-17",
        ),
    ],
)
def test_wrong_input_names_the_field_and_stays(cast, web, address, wrong, field, kept):
    wrong = {"quarter": str(Quarter.of(clock.today()))} | wrong
    page = web(cast.admin).post(address, wrong)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert kept in page.content.decode()


def test_a_cluster_at_a_metadata_address_is_refused(cast, web):
    wrong = {
        "slurm_name": "ned",
        "url": "http://169.254.169.254",
        "signer_path": "ned.key",
        "operator_login": "tqportal",
        "lent_percent": 100,
        "max_pending": 1,
    }
    page = web(cast.admin).post("/sites/ned/cluster/", wrong)
    assert (page.status_code, list(page.context["form"].errors)) == (422, ["url"])
    cast.cluster.refresh_from_db()
    assert cast.cluster.url == "http://127.0.0.1:9"


def test_the_list_is_searched_and_filtered(cast, web):
    site("uet")
    Resource.objects.filter(site__code="uet").update(gpu_model="NVIDIA A100")
    Accreditation.objects.create(site=cast.site, data_class="restricted", expires_on=clock.today())

    def shown(query):
        return [row["site"].code for row in web(cast.pi).get(f"/sites/?{query}").context["rows"]]

    assert shown("") == ["ned", "uet"]
    assert shown("q=a100") == ["uet"]
    assert shown("holds=restricted") == ["ned"]
    assert shown("q=nothing") == []
    assert "Show all" in web(cast.pi).get("/sites/?q=nothing").content.decode()


def test_an_empty_list_says_what_to_do(db, web):
    assert "No sites yet" in web(None).get("/sites/").content.decode()


@pytest.mark.parametrize("rows", [5, 500])
def test_query_counts_dont_grow(cast, web, rows):
    quarter = str(Quarter.of(clock.today()))
    sites = Site.objects.bulk_create(Site(code=f"s{number}", name=f"Site {number}") for number in range(rows))
    resources = Resource.objects.bulk_create(
        Resource(code=f"r{n}", site=s, name="R", gpu_model="G", gres_type="g", partition="p", gpu_count=8)
        for owner in (sites, [cast.site] * rows)
        for n, s in enumerate(owner, start=1000 if owner is not sites else 0)
    )
    Capacity.objects.bulk_create(Capacity(resource=r, quarter=quarter, gpu_seconds=1) for r in resources)
    browser = web(cast.site_manager)
    for address, most in [("/sites/", 10), ("/sites/ned/", 15), ("/resources/ned-h100/", 15)]:
        browser.get(address)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browser.get(address).status_code == 200
        assert len(queries) <= most, (address, len(queries))
