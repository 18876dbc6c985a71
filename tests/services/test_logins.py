"""Site logins: who links them, what follows, and those of the demo people."""

import pytest

from datacenters.models import Site
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import User
from scheduler_bridge import demo
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites.logins import login_link, login_of, login_unlink
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.selectors import sites_without_login, without_login
from tests.bridge_stage import Stage
from tests.cast import site as make_site


def provisioned() -> list[str]:
    rows = OutboxRow.objects.filter(topic="allocation_provision").order_by("id")
    return [row.payload["allocation"] for row in rows]


def test_linking_lets_the_login_into_the_persons_allocations(stage: Stage):
    OutboxRow.objects.all().delete()
    cast = stage.cast
    link = login_link(actor=cast.site_manager, user=cast.pi, site=cast.site, login="ayesha")
    assert (link.login, link.linked_by) == ("ayesha", cast.site_manager)
    assert provisioned() == [stage.allocation.code]
    login_unlink(actor=cast.site_manager, link=link)
    assert provisioned() == [stage.allocation.code] * 2
    assert [row.action for row in AuditRow.objects.filter(object_code=cast.pi.code).order_by("id")] == [
        "login_link",
        "login_unlink",
    ]


@pytest.mark.parametrize("who", ["pi", "member", "auditor", "council", "outsider"])
def test_nobody_else_links_unlinks_or_reconciles(cast, who):
    actor = getattr(cast, who)
    link = SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    with pytest.raises(NotAllowed):
        login_link(actor=actor, user=cast.member, site=cast.site, login="khan")
    with pytest.raises(NotAllowed):
        login_unlink(actor=actor, link=link)
    with pytest.raises(NotAllowed):
        site_reconcile(actor=actor, site=cast.site)
    assert SiteLogin.objects.count() == 1


def test_a_second_factor_is_asked_for(cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    link = SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    with pytest.raises(SecondFactorNeeded):
        login_link(actor=cast.site_manager, user=cast.member, site=cast.site, login="khan")
    with pytest.raises(SecondFactorNeeded):
        login_unlink(actor=cast.site_manager, link=link)
    with pytest.raises(SecondFactorNeeded):
        site_reconcile(actor=cast.site_manager, site=cast.site)


@pytest.mark.parametrize("login", ["", "root", "tqportal", "Ayesha", "-x", "a b", "a;b", "x" * 33, "عائشہ"])
def test_what_is_no_login(cast, login):
    with pytest.raises(InvalidInput) as refusal:
        login_link(actor=cast.admin, user=cast.pi, site=cast.site, login=login)
    assert refusal.value.field == "login"
    assert not SiteLogin.objects.exists()


def test_one_login_a_person_and_one_person_a_login(cast):
    login_link(actor=cast.admin, user=cast.pi, site=cast.site, login="ayesha")
    for user, login in ((cast.pi, "other"), (cast.member, "ayesha")):
        with pytest.raises(IllegalState):
            login_link(actor=cast.admin, user=user, site=cast.site, login=login)
    elsewhere = make_site("uet").site
    login_link(actor=cast.admin, user=cast.member, site=elsewhere, login="ayesha")


def test_a_sandbox_makes_the_login_a_real_site_doesnt(stage: Stage):
    cast, allocation = stage.cast, stage.fresh_allocation()
    made = login_of(cast.pi, allocation)
    assert made == login_of(cast.pi, allocation)
    assert SiteLogin.objects.get(user=cast.pi).linked_by is None
    allocation.resource.cluster.is_sandbox = False
    with pytest.raises(Refused) as refusal:
        login_of(cast.member, allocation)
    assert refusal.value.code == "no_login"


def test_who_waits_for_a_login(stage: Stage):
    cast = stage.cast
    assert list(without_login(cast.site)) == [cast.member, cast.pi]
    assert list(sites_without_login(cast.pi)) == [cast.site]
    login_link(actor=cast.admin, user=cast.pi, site=cast.site, login="ayesha")
    assert list(without_login(cast.site)) == [cast.member]
    assert not sites_without_login(cast.pi).exists()
    assert not sites_without_login(cast.outsider).exists()
    stage.allocation.state = "suspended"
    stage.allocation.save()
    assert not without_login(cast.site).exists()


# --- Demo -------------------------------------------------------------------------------------------
@pytest.fixture
def demo_people(cast) -> list[User]:
    people = [User.objects.create_user(email, name=email) for email in (*demo.LOGINS, demo.SITE_MANAGER)]
    for resource in (make_site("uet"), cast.resource):
        resource.site.roles.create(user=people[-1], role="manager")
    return people


def logins(site: Site) -> dict[str, str]:
    return dict(SiteLogin.objects.filter(site=site).values_list("user__email", "login"))


def test_the_demo_people_have_logins_at_real_clusters_only(cast, demo_people):
    cast.cluster.is_sandbox = False
    cast.cluster.save()
    demo.seed()
    demo.seed()
    assert logins(cast.site) == demo.LOGINS
    assert logins(Site.objects.get(code="uet")) == {}
    assert AuditRow.objects.filter(action="login_link").count() == 3


def test_a_login_of_the_sandbox_gives_way(cast, demo_people):
    researcher = User.objects.get(email="researcher@demo.taqseem.test")
    SiteLogin.objects.create(user=researcher, site=cast.site, login="uabc", linked_by=None)
    cast.cluster.is_sandbox = False
    cast.cluster.save()
    demo.seed()
    assert logins(cast.site) == demo.LOGINS


def test_without_demo_people_nothing_is_planted(cast):
    cast.cluster.is_sandbox = False
    cast.cluster.save()
    demo.seed()
    assert not SiteLogin.objects.exists()
