"""The services of datacenters: what they do, what they refuse, what they leave in the audit."""

from datetime import timedelta

import pytest

from datacenters.models import Accreditation, Capacity, Cluster, DataClass, Health, Site, SiteRole
from datacenters.selectors import capacity_in, sites_managed_by
from datacenters.services import (
    accreditation_set,
    accreditation_withdraw,
    capacity_set,
    cluster_create,
    cluster_seen,
    cluster_update,
    key_names,
    resource_create,
    resource_update,
    site_create,
    site_role_grant,
    site_role_revoke,
    site_update,
)
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow

CLUSTER = {
    "code": "quantum",
    "slurm_name": "quantum",
    "url": "http://10.1.2.3:6820",
    "signer": "quantum.key",
}
RESOURCE = {
    "code": "ned-a100",
    "name": "NED A100",
    "gpu_model": "NVIDIA A100",
    "gres_type": "a100",
    "partition": "old",
    "gpu_count": 8,
}


@pytest.fixture
def keys(settings, tmp_path):
    """The portal's key folder, with one key."""
    settings.KEYS_DIR = tmp_path
    (tmp_path / "quantum.key").write_bytes(b"k" * 32)
    return tmp_path


@pytest.fixture
def quarter():
    return Quarter.of(clock.today())


def last_audit(action):
    return AuditRow.objects.filter(action=action).latest("id")


# --- Sites ------------------------------------------------------------------------------------------
def test_admin_adds_a_site_with_an_audit_row(cast):
    site = site_create(actor=cast.admin, code="quantum-valley", name="Quantum Valley")
    row = last_audit("site_create")
    assert (row.actor, row.object_code) == (cast.admin.code, "quantum-valley")
    assert row.after["name"] == "Quantum Valley"
    assert not site.holds(DataClass.RESTRICTED)


@pytest.mark.parametrize("who", ["pi", "site_manager", "council", "reviewer", "auditor", "outsider"])
def test_only_admins_add_sites(cast, who):
    with pytest.raises(NotAllowed):
        site_create(actor=getattr(cast, who), code="x", name="X")
    assert not Site.objects.filter(code="x").exists()


def test_administration_asks_for_a_second_factor(cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        site_update(actor=cast.site_manager, site=cast.site, name="Other")


@pytest.mark.parametrize("code", ["Ned", "ned 2", "-ned", "ned", "néd", "ned\n"])
def test_a_sites_code_is_plain_and_unique(cast, code):
    with pytest.raises(InvalidInput) as refusal:
        site_create(actor=cast.admin, code=code, name="Second")
    assert refusal.value.field == "code"


def test_update_tells_only_what_changed(cast):
    site_update(actor=cast.site_manager, site=cast.site, name="NED", city="Karachi", reason="Renamed")
    row = last_audit("site_update")
    assert (row.before, row.after, row.reason) == ({"name": "Ned"}, {"name": "NED"}, "Renamed")
    site_update(actor=cast.site_manager, site=cast.site, name="NED")
    assert AuditRow.objects.filter(action="site_update").count() == 1


def test_managers_of_other_sites_may_not(cast):
    other = Site.objects.create(code="other", name="Other")
    with pytest.raises(NotAllowed):
        site_update(actor=cast.site_manager, site=other, name="Mine")


def test_a_sites_code_never_changes(cast):
    with pytest.raises(TypeError):
        site_update(actor=cast.admin, site=cast.site, code="other")


# --- Data classes -----------------------------------------------------------------------------------
def test_what_a_site_holds_follows_its_accreditations(cast):
    assert [name for name in DataClass.values if cast.site.holds(name)] == ["open", "public"]
    today = clock.today()
    accreditation_set(actor=cast.admin, site=cast.site, data_class="restricted", expires_on=today)
    assert cast.site.holds("restricted")
    Accreditation.objects.update(expires_on=today - timedelta(days=1))
    assert not Site.objects.get(pk=cast.site.pk).holds("restricted")


def test_an_accreditation_is_renewed_in_place(cast):
    until = clock.today() + timedelta(days=30)
    for reference in ("A-1", "A-2"):
        accreditation_set(
            actor=cast.admin, site=cast.site, data_class="sensitive", expires_on=until, reference=reference
        )
    assert cast.site.accreditations.get().reference == "A-2"
    assert last_audit("accreditation_set").before == {"reference": "A-1"}
    assert last_audit("accreditation_set").object_code == cast.site.code


@pytest.mark.parametrize("data_class", ["secret", "open", "public", "nonsense"])
def test_some_classes_take_no_accreditation(cast, data_class):
    until = clock.today() + timedelta(days=30)
    with pytest.raises(InvalidInput) as refusal:
        accreditation_set(actor=cast.admin, site=cast.site, data_class=data_class, expires_on=until)
    assert refusal.value.field == "data_class"


def test_secret_is_refused_even_with_a_planted_accreditation(cast):
    Accreditation.objects.create(site=cast.site, data_class="secret", expires_on=clock.today())
    assert not cast.site.holds("secret")


def test_a_site_manager_cant_accredit_the_own_site(cast):
    with pytest.raises(NotAllowed):
        accreditation_set(
            actor=cast.site_manager, site=cast.site, data_class="sensitive", expires_on=clock.today()
        )


def test_withdrawing_takes_effect_at_once_and_wants_a_reason(cast):
    accreditation_set(actor=cast.admin, site=cast.site, data_class="restricted", expires_on=clock.today())
    with pytest.raises(InvalidInput):
        accreditation_withdraw(actor=cast.admin, site=cast.site, data_class="restricted", reason=" ")
    accreditation_withdraw(actor=cast.admin, site=cast.site, data_class="restricted", reason="Breach")
    assert not Site.objects.get(pk=cast.site.pk).holds("restricted")
    assert last_audit("accreditation_withdraw").before["data_class"] == "restricted"
    with pytest.raises(IllegalState):
        accreditation_withdraw(actor=cast.admin, site=cast.site, data_class="restricted", reason="Again")


# --- Roles ------------------------------------------------------------------------------------------
def test_roles_are_granted_and_revoked_by_admins(cast):
    manager = SiteRole.Role.MANAGER
    site_role_grant(actor=cast.admin, site=cast.site, user=cast.member, role=manager)
    assert list(sites_managed_by(cast.member)) == [cast.site]
    site_role_revoke(actor=cast.admin, site=cast.site, user=cast.member, role=manager)
    assert not sites_managed_by(cast.member).exists()
    assert last_audit("site_role_revoke").before == {"user": cast.member.code, "role": "manager"}
    with pytest.raises(NotAllowed):
        site_role_grant(actor=cast.site_manager, site=cast.site, user=cast.member, role=manager)
    with pytest.raises(InvalidInput):
        site_role_grant(actor=cast.admin, site=cast.site, user=cast.member, role="king")


# --- Resources and capacity -------------------------------------------------------------------------
def test_a_site_manager_adds_a_resource_on_the_sites_cluster(cast):
    resource = resource_create(actor=cast.site_manager, site=cast.site, **RESOURCE)
    assert resource.cluster == cast.cluster
    assert last_audit("resource_create").after["gpu_count"] == 8


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"gpu_count": 4}, "max_gpus_per_job"),
        ({"gpu_count": 0}, None),
        ({"partition": "gpu\n#SBATCH"}, "partition"),
        ({"gres_type": "h100 --uid=0"}, "gres_type"),
        ({"charge_factor": "many"}, "charge_factor"),
    ],
)
def test_impossible_resources_are_refused(cast, change, field):
    with pytest.raises(InvalidInput) as refusal:
        resource_create(actor=cast.site_manager, site=cast.site, **(RESOURCE | change))
    assert refusal.value.field == field


def test_a_resource_is_changed_by_its_managers_only(cast):
    resource_update(actor=cast.site_manager, resource=cast.resource, is_open=False)
    assert last_audit("resource_update").after == {"is_open": False}
    with pytest.raises(NotAllowed):
        resource_update(actor=cast.outsider, resource=cast.resource, is_open=True)


def test_capacity_is_set_and_announced(cast, quarter):
    capacity_set(
        actor=cast.site_manager, resource=cast.resource, quarter=quarter, gpu_seconds=3600, reason="Repairs"
    )
    assert capacity_in(cast.resource, quarter) == 3600
    assert last_audit("capacity_set").before["gpu_seconds"] == 10_000 * 3600
    told = OutboxRow.objects.get(topic="capacity_changed")
    assert told.payload == {"resource": cast.resource.code, "quarter": str(quarter)}


def test_capacity_that_stays_is_not_announced(cast, quarter):
    capacity_set(
        actor=cast.admin, resource=cast.resource, quarter=quarter, gpu_seconds=10_000 * 3600, reason="Same"
    )
    assert not OutboxRow.objects.exists()


def test_capacity_beyond_the_hardware_is_refused_with_figures(cast, quarter):
    most = 16 * quarter.days * 86_400
    with pytest.raises(InvalidInput) as refusal:
        capacity_set(
            actor=cast.admin, resource=cast.resource, quarter=quarter, gpu_seconds=most + 1, reason="More"
        )
    assert refusal.value.figures["most_gpu_seconds"] == most
    capacity_set(actor=cast.admin, resource=cast.resource, quarter=quarter, gpu_seconds=most, reason="All")


@pytest.mark.parametrize(("seconds", "reason"), [(-1, "Less"), (3600, " ")])
def test_capacity_wants_sense_and_a_reason(cast, quarter, seconds, reason):
    with pytest.raises(InvalidInput):
        capacity_set(
            actor=cast.admin, resource=cast.resource, quarter=quarter, gpu_seconds=seconds, reason=reason
        )
    assert not Capacity.objects.filter(gpu_seconds=3600).exists()


def test_a_quarter_that_is_over_keeps_its_capacity(cast):
    with pytest.raises(InvalidInput) as refusal:
        capacity_set(
            actor=cast.admin, resource=cast.resource, quarter=Quarter(2020, 1), gpu_seconds=1, reason="Late"
        )
    assert refusal.value.field == "quarter"


# --- Clusters ---------------------------------------------------------------------------------------
def test_an_admin_connects_a_site_once_and_it_starts_off(cast, keys):
    site = site_create(actor=cast.admin, code="quantum", name="Quantum Valley")
    resource = resource_create(actor=cast.admin, site=site, **RESOURCE)
    cluster = cluster_create(actor=cast.admin, site=site, **CLUSTER)
    resource.refresh_from_db()
    assert resource.cluster == cluster
    assert not cluster.is_enabled
    assert OutboxRow.objects.get(topic="cluster_changed").payload == {"cluster": "quantum"}
    with pytest.raises(IllegalState) as refusal:
        cluster_create(actor=cast.admin, site=site, **CLUSTER | {"code": "second"})
    assert "has a cluster already" in refusal.value.text
    assert "a site of its own" in refusal.value.text
    assert Cluster.objects.filter(site=site).count() == 1


def test_keys_are_chosen_from_the_folder_or_by_path(cast, keys, tmp_path_factory):
    for other in (".hidden", "quantum.ca.pem", "quantum.client.pem"):
        (keys / other).write_text("")
    (keys / "folder").mkdir()
    assert key_names() == ["quantum.key"]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "ned.key"
    with pytest.raises(InvalidInput) as refusal:
        cluster_update(actor=cast.admin, cluster=cast.cluster, signer=str(elsewhere))
    assert (refusal.value.field, "no key file" in refusal.value.text) == ("signer", True)
    elsewhere.write_bytes(b"k" * 32)
    cluster = cluster_update(actor=cast.admin, cluster=cast.cluster, signer=str(elsewhere))
    assert (cluster.signer, cluster.key_name) == (str(elsewhere), "ned.key")
    keys.joinpath("quantum.key").rename(keys / "other.key")
    assert key_names() == ["other.key"]


def test_each_cluster_has_a_key_of_its_own(cast, keys):
    """By whatever name: who signs with another cluster's key speaks for its users."""
    site = site_create(actor=cast.admin, code="quantum", name="Quantum Valley")
    for name in ("ned.key", "ned.next.pem"):
        (keys / name).write_bytes(b"n" * 32)
    (keys / "symbolic.key").symlink_to(keys / "ned.key")
    (keys / "hard.key").hardlink_to(keys / "ned.key")
    theirs = ("ned.key", str(keys / "ned.key"), "symbolic.key", "hard.key", "ned.next.pem")
    for signer in theirs:
        with pytest.raises(InvalidInput) as refusal:
            cluster_create(actor=cast.admin, site=site, **CLUSTER | {"signer": signer})
        assert (refusal.value.field, "of its own" in refusal.value.text) == ("signer", True), signer
    cluster = cluster_create(actor=cast.admin, site=site, **CLUSTER)
    for signer in theirs:
        with pytest.raises(InvalidInput) as refusal:
            cluster_update(actor=cast.admin, cluster=cluster, signer=signer)
        assert refusal.value.field == "signer", signer
    # The own one, by another name, is no other cluster's.
    again = cluster_update(actor=cast.admin, cluster=cluster, signer=str(keys / "quantum.key"))
    assert again.signer == str(keys / "quantum.key")


def test_a_link_doesnt_lead_to_the_machines_own_files(cast, keys):
    (keys / "link.key").symlink_to("/proc/version")
    with pytest.raises(InvalidInput) as refusal:
        cluster_update(actor=cast.admin, cluster=cast.cluster, signer=str(keys / "link.key"))
    assert refusal.value.field == "signer"


def test_a_new_cluster_isnt_spoken_to_as_root(cast, keys):
    site = site_create(actor=cast.admin, code="quantum", name="Quantum Valley")
    with pytest.raises(InvalidInput) as refusal:
        cluster_create(actor=cast.admin, site=site, **CLUSTER, operator_login="root")
    assert refusal.value.field == "operator_login"
    assert not Cluster.objects.filter(site=site).exists()


def test_an_unbridged_site_takes_no_cluster_and_needs_no_partition(cast, keys):
    site = site_create(actor=cast.admin, code="quantum", name="Quantum Valley", kind="unbridged")
    with pytest.raises(IllegalState) as refusal:
        cluster_create(actor=cast.admin, site=site, **CLUSTER)
    assert refusal.value.field == "site"
    bare = RESOURCE | {"partition": "", "gres_type": ""}
    resource = resource_create(actor=cast.admin, site=site, **bare)
    assert (resource.cluster, resource.partition) == (None, "")
    for missing in ("partition", "gres_type"):
        with pytest.raises(InvalidInput) as wrong:
            resource_create(actor=cast.admin, site=cast.site, **RESOURCE | {missing: ""})
        assert wrong.value.field == missing


def test_a_sites_kind_is_for_admins_and_never_hides_a_cluster(cast):
    bare = Site.objects.create(code="bare", name="Bare")
    SiteRole.objects.create(site=bare, user=cast.site_manager, role="manager")
    with pytest.raises(NotAllowed):
        site_update(actor=cast.site_manager, site=bare, kind="unbridged")
    assert site_update(actor=cast.admin, site=bare, kind="unbridged").is_unbridged
    with pytest.raises(IllegalState) as refusal:
        site_update(actor=cast.admin, site=cast.site, kind="unbridged")
    assert refusal.value.field == "kind"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "http://169.254.169.254"}, "url"),
        ({"url": "http://[fe80::1]:6820"}, "url"),
        ({"url": "http://[::ffff:169.254.169.254]:80"}, "url"),
        ({"url": "http://0.0.0.0:6820"}, "url"),
        ({"url": "http://2852039166"}, "url"),
        ({"url": "http://0xa9fea9fe:6820"}, "url"),
        ({"url": "http://0251.0376.0251.0376"}, "url"),
        ({"url": "http://169.254.43518"}, "url"),
        ({"url": "http://169.254.169.254.:80"}, "url"),
        ({"url": "http://１６９.254.169.254"}, "url"),
        ({"url": "http://0"}, "url"),
        ({"url": "http://user:word@host:6820"}, "url"),
        ({"url": "http://host:6820/elsewhere"}, "url"),
        ({"url": "http://host:port"}, "url"),
        ({"signer": "../../etc/shadow"}, "signer"),
        ({"signer": "/keys/../etc/shadow"}, "signer"),
        ({"signer": ".."}, "signer"),
        ({"signer": "/proc/self/environ"}, "signer"),
        ({"signer": "//proc/self/environ"}, "signer"),
        ({"signer": "/dev/null"}, "signer"),
        ({"signer": "/sys/kernel/notes"}, "signer"),
        ({"signer": "/run/secrets/secret_key"}, "signer"),
        ({"operator_login": "root"}, "operator_login"),
        ({"operator_login": "Slurm"}, "operator_login"),
        ({"operator_login": "0"}, "operator_login"),
        ({"operator_login": "root; id"}, "operator_login"),
    ],
)
def test_a_cluster_leads_nowhere_else(cast, change, field):
    with pytest.raises(InvalidInput) as refusal:
        cluster_update(actor=cast.admin, cluster=cast.cluster, **change)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6820",
        "http://[fd00::7]:6820",
        "https://slurm.ned.edu.pk",
        "http://slurmrestd:6820",
        "http://slurm_2:6820",
    ],
)
def test_a_cluster_stands_where_it_may(cast, url):
    assert cluster_update(actor=cast.admin, cluster=cast.cluster, url=url).url == url


def test_site_managers_dont_redirect_clusters(cast):
    with pytest.raises(NotAllowed):
        cluster_update(actor=cast.site_manager, cluster=cast.cluster, url="http://10.0.0.1:1")


def test_health_follows_what_the_bridge_saw(cast):
    def health():
        cast.cluster.refresh_from_db()
        return cast.cluster.health

    assert health() == Health.SILENT
    cluster_seen(cluster=cast.cluster, release="24.11.5")
    assert (health(), cast.cluster.slurm_release) == (Health.ANSWERS, "24.11.5")
    cluster_seen(cluster=cast.cluster, problem="Connection refused")
    assert (health(), cast.cluster.slurm_release) == (Health.TROUBLED, "24.11.5")
    cluster_update(actor=cast.admin, cluster=cast.cluster, is_enabled=False)
    assert health() == Health.OFF
