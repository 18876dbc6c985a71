"""A Slurm account of a site's own: untouched, unless an admin gives it to an allocation."""

import pytest

from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.errors import Refused as NotPossible
from portal.foundation.models import AuditRow
from scheduler_bridge.models import JobRun
from scheduler_bridge.provisioning.adoption import adoptable, slurm_account_adopt
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import GPU, AssociationLimits, Refused
from tests.services.test_bridge_provisioning_generations import SlurmStage, both  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(both: SlurmStage) -> SlurmStage:  # noqa: F811
    """The site has a Slurm account `hpcgroup` of its own, open to `pi` and `guest`."""
    client, token = client_for(both.cluster), operator_token(both.cluster)
    client.upsert_account(token, "hpcgroup", description="the group", organization="hpc")
    limits = AssociationLimits(group_tres_minutes={GPU: 500})
    client.upsert_association(token, "ned", "hpcgroup", limits)
    for user in ("pi", "guest"):
        client.upsert_association(token, "ned", "hpcgroup", AssociationLimits(), user=user)
    return both


def adopt(stage: SlurmStage, name: str = "hpcgroup"):
    return slurm_account_adopt(actor=stage.cast.admin, allocation=stage.fresh_allocation(), name=name)


def ran_before(stage: SlurmStage) -> int:
    number = stage.send("guest", gpus=2, account="hpcgroup")
    stage.advance(300)
    client_for(stage.cluster).cancel(operator_token(stage.cluster), number)
    return number


def test_nothing_of_the_sites_own_is_touched(site):
    before = site.slurm("hpcgroup"), site.slurm("hpcgroup", "guest"), site.slurm("root")
    site.adjust(3600)
    site.reconcile()
    assert (site.slurm("hpcgroup"), site.slurm("hpcgroup", "guest"), site.slurm("root")) == before


def test_one_sees_first_what_is_there(site):
    ran_before(site)
    found = adoptable(actor=site.cast.admin, allocation=site.fresh_allocation(), name="hpcgroup")
    assert (found.description, found.organization, found.parent) == ("the group", "hpc", "root")
    assert (found.gpu_minutes, found.users, found.shut_out) == (500, ["guest", "pi"], ["guest"])
    assert found.open_jobs == 0
    assert (found.counted > 500) is site.in_place
    assert bool(found.by_hand) is not site.in_place
    assert not site.allocation.bindings.filter(adopted=True).exists()


def test_an_adopted_account_is_kept_like_ours(site):
    ran_before(site)
    first = site.account
    binding = adopt(site)
    assert (binding.generation, binding.adopted) == (2, True)
    run = reconcile(site.fresh_allocation())
    assert run.error == ""
    minutes = 6000 + binding.counted_before // 60
    if site.in_place:
        assert site.slurm("hpcgroup").limits.gpu_minutes == minutes
        assert site.slurm("hpcgroup").parent == "root", "it stays where the site has put it"
    else:
        change = "sacctmgr modify account where name=hpcgroup cluster=ned set GrpTRESMins=gres/gpu=6000"
        assert run.remedies == [change]
        assert site.slurm("hpcgroup").limits.gpu_minutes == 500
    for name, user in ((first, "pi"), ("hpcgroup", "guest")):
        with pytest.raises(Refused):
            site.send(user, account=name)
    assert site.send("pi", account="hpcgroup")
    job = site.submit()
    site.drain()
    job.refresh_from_db()
    assert job.slurm_account == "hpcgroup"
    row = AuditRow.objects.get(action="slurm_account_adopt")
    assert row.after["slurm_account"] == "hpcgroup"


def test_what_ran_there_before_isnt_charged(site):
    number = ran_before(site)
    adopt(site)
    site.allocation.bindings.filter(adopted=True).update(verified_at=None)
    reconcile(site.fresh_allocation())
    later = site.send("pi", account="hpcgroup")
    site.follow()
    assert not JobRun.objects.filter(slurm_job_id=number).exists()
    assert JobRun.objects.filter(slurm_job_id=later).exists()
    assert site.balances.spent == 0


def test_open_jobs_forbid_it(site):
    site.send("guest", account="hpcgroup")
    with pytest.raises(NotPossible) as refusal:
        adopt(site)
    assert refusal.value.figures == {"open_jobs": 1}


@pytest.mark.parametrize("name", ["root", "tqpk", "nosuch", "a b", ""])
def test_what_cant_be_adopted(site, name):
    with pytest.raises(InvalidInput) as refusal:
        adopt(site, name)
    assert refusal.value.field == "slurm_account"
    assert refusal.value.remedy


def test_an_account_with_others_below_it_cant(site):
    client, token = client_for(site.cluster), operator_token(site.cluster)
    client.upsert_account(token, "below")
    client.upsert_association(token, "ned", "below", AssociationLimits(), parent="hpcgroup")
    with pytest.raises(InvalidInput, match="below"):
        adopt(site)


def test_never_twice(site):
    with pytest.raises(IllegalState):
        adopt(site, site.account)


@pytest.mark.parametrize("who", ["pi", "site_manager", "council", "outsider"])
def test_admins_only(site, who):
    with pytest.raises(NotAllowed):
        slurm_account_adopt(
            actor=getattr(site.cast, who), allocation=site.fresh_allocation(), name="hpcgroup"
        )
