"""Site logins: who links them, what follows, and those of the demo people."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from datacenters.models import Cluster, Site
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.notices.models import Notice
from portal.people.models import User
from scheduler_bridge import demo
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.provisioning.desired import desired
from scheduler_bridge.sites.login_import import logins_import
from scheduler_bridge.sites.logins import (
    login_ask,
    login_confirm,
    login_decline,
    login_end,
    login_link,
    login_of,
    login_propose,
)
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.selectors import sites_without_login, without_login
from tests.bridge_stage import Stage
from tests.cast import site as make_site


def provisioned() -> list[str]:
    rows = OutboxRow.objects.filter(topic="allocation_provision").order_by("id")
    return [row.payload["allocation"] for row in rows]


@pytest.fixture
def real(stage: Stage) -> Stage:
    """The stage, its cluster taken for a real one: no login makes itself."""
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    OutboxRow.objects.all().delete()
    return stage


def audited(user: User) -> list[str]:
    rows = AuditRow.objects.filter(object_code=user.code).exclude(action="notice").order_by("id")
    return [row.action for row in rows]


def told(user: User) -> list[str]:
    return list(
        Notice.objects.filter(user=user, kind__startswith="login")
        .order_by("id")
        .values_list("kind", flat=True)
    )


# --- Proposed by the site, confirmed by the person ----------------------------------------------------
def test_a_proposal_counts_once_the_person_confirmed_it(real: Stage):
    cast = real.cast
    link = login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="ayesha")
    assert (link.state, link.linked_by) == ("proposed", cast.site_manager)
    assert told(cast.pi) == ["login_proposed"]
    assert provisioned() == []
    with pytest.raises(Refused) as refusal:
        login_of(cast.pi, real.fresh_allocation())
    assert refusal.value.code == "no_login"
    for actor in (cast.site_manager, cast.admin, cast.member, cast.outsider):
        with pytest.raises(NotAllowed):
            login_confirm(actor=actor, link=link)
    login_confirm(actor=cast.pi, link=link)
    assert login_of(cast.pi, real.fresh_allocation()) == "ayesha"
    assert provisioned() == [real.allocation.code]
    assert told(cast.site_manager) == ["login_confirm"]
    login_end(actor=cast.site_manager, link=link)
    assert provisioned() == [real.allocation.code] * 2
    assert audited(cast.pi) == ["login_propose", "login_confirm", "login_end"]
    assert told(cast.pi) == ["login_proposed", "login_end"]


def test_the_person_says_no(real: Stage):
    cast = real.cast
    link = login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="ayesha")
    for actor in (cast.member, cast.outsider):
        with pytest.raises(NotAllowed):
            login_decline(actor=actor, link=link)
    login_decline(actor=cast.pi, link=link)
    assert told(cast.site_manager) == ["login_decline"]
    with pytest.raises(IllegalState):
        login_confirm(actor=cast.pi, link=link)
    # Nothing is in the way of the right one.
    login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="ayesha2")


# --- Asked for by the person, confirmed by the site ----------------------------------------------------
def test_a_claim_counts_once_the_site_confirmed_it(real: Stage):
    cast = real.cast
    link = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    assert (link.state, link.is_claim) == ("proposed", True)
    assert told(cast.site_manager) == ["login_asked"]
    for actor in (cast.pi, cast.member, cast.council, cast.outsider):
        with pytest.raises(NotAllowed):
            login_confirm(actor=actor, link=link)
    login_confirm(actor=cast.site_manager, link=link)
    assert login_of(cast.pi, real.fresh_allocation()) == "ayesha"
    assert told(cast.pi) == ["login_confirm"]
    login_end(actor=cast.pi, link=link)
    with pytest.raises(Refused):
        login_of(cast.pi, real.fresh_allocation())


def test_nobody_is_both_sides(real: Stage):
    """A manager who asks for an own login needs another manager, or an admin."""
    cast = real.cast
    for user in (cast.pi, cast.member):
        cast.site.roles.create(user=user, role="manager")
    for link in (
        login_ask(actor=cast.pi, site=cast.site, login="ayesha"),
        login_propose(actor=cast.member, user=cast.member, site=cast.site, login="khan"),
    ):
        assert link.is_claim
        with pytest.raises(NotAllowed):
            login_confirm(actor=link.user, link=link)
        login_confirm(actor=cast.admin, link=link)


def test_who_has_no_allocation_there_doesnt_ask(cast):
    for who in (cast.outsider, cast.pi):  # the PI's project has none in this test
        with pytest.raises(Refused) as refusal:
            login_ask(actor=who, site=cast.site, login="someone")
        assert refusal.value.code == "no_allocation"
    assert not SiteLogin.objects.exists()


def test_asking_doesnt_tell_whose_login_is_linked(real: Stage):
    """Neither to a stranger nor to somebody with an allocation: the managers hear of it."""
    cast = real.cast
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    for login in ("ayesha", "nobodys"):
        with pytest.raises(Refused) as refusal:
            login_ask(actor=cast.outsider, site=cast.site, login=login)
        assert refusal.value.code == "no_allocation"
    claim = login_ask(actor=cast.member, site=cast.site, login="ayesha")
    with pytest.raises(IllegalState):
        login_confirm(actor=cast.site_manager, link=claim)
    with pytest.raises(IllegalState) as own:
        login_ask(actor=cast.pi, site=cast.site, login="other")
    assert "linked already" in own.value.text


def test_without_managers_the_admins_are_asked(real: Stage):
    real.cast.site.roles.all().delete()
    login_ask(actor=real.cast.pi, site=real.cast.site, login="ayesha")
    assert told(real.cast.admin) == ["login_asked"]


# --- Uniqueness ----------------------------------------------------------------------------------------
def test_only_live_links_exclude_others(real: Stage):
    cast = real.cast
    mine = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    theirs = login_ask(actor=cast.member, site=cast.site, login="ayesha")
    with pytest.raises(IllegalState):  # one open word a person
        login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="other")
    login_confirm(actor=cast.site_manager, link=mine)
    for refused in (
        lambda: login_confirm(actor=cast.site_manager, link=theirs),
        lambda: login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="other"),
        lambda: login_ask(actor=cast.pi, site=cast.site, login="other"),
    ):
        with pytest.raises(IllegalState):
            refused()
    login_end(actor=cast.pi, link=mine)
    login_confirm(actor=cast.site_manager, link=theirs)
    assert login_of(cast.member, real.fresh_allocation()) == "ayesha"


def test_the_database_keeps_it_too(cast):
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    for fields in ({"user": cast.pi, "login": "b"}, {"user": cast.member, "login": "ayesha"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SiteLogin.objects.create(site=cast.site, **fields)
    with pytest.raises(DatabaseError), transaction.atomic():
        SiteLogin.objects.update(state="proposed")


# --- Only confirmed links are used -----------------------------------------------------------------------
@pytest.mark.parametrize("state", ["proposed", "declined", "ended"])
def test_what_isnt_confirmed_lets_nobody_in(real: Stage, state):
    cast = real.cast
    link = SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    job = real.submit()
    assert desired(real.fresh_allocation()).logins == ("ayesha",)
    SiteLogin.objects.filter(pk=link.pk).delete()
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha", state=state)
    assert desired(real.fresh_allocation()).logins == ()
    real.drain()
    job.refresh_from_db()
    assert job.state == "refused"
    assert real.copies(job) == 0


# --- Who may -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["pi", "member", "auditor", "council", "outsider"])
def test_nobody_else_links_ends_or_reconciles(cast, who):
    actor = getattr(cast, who)
    link = SiteLogin.objects.create(user=cast.colleague, site=cast.site, login="ayesha")
    for refused in (
        lambda: login_propose(actor=actor, user=cast.reviewer, site=cast.site, login="khan"),
        lambda: login_link(actor=actor, user=cast.reviewer, site=cast.site, login="khan"),
        lambda: login_end(actor=actor, link=link),
        lambda: logins_import(actor=actor, site=cast.site, table="email,login"),
        lambda: site_reconcile(actor=actor, site=cast.site),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert SiteLogin.objects.get().state == "confirmed"


def test_a_second_factor_is_asked_of_the_site_but_not_of_the_person(real: Stage, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    cast = real.cast
    claim = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    for refused in (
        lambda: login_propose(actor=cast.site_manager, user=cast.member, site=cast.site, login="khan"),
        lambda: login_confirm(actor=cast.site_manager, link=claim),
        lambda: login_decline(actor=cast.site_manager, link=claim),
        lambda: logins_import(actor=cast.site_manager, site=cast.site, table="email,login"),
        lambda: site_reconcile(actor=cast.site_manager, site=cast.site),
    ):
        with pytest.raises(SecondFactorNeeded):
            refused()
    login_decline(actor=cast.pi, link=claim)


@pytest.mark.parametrize("login", ["", "root", "tqportal", "Ayesha", "-x", "a b", "a;b", "x" * 33, "عائشہ"])
def test_what_is_no_login(real: Stage, login):
    cast = real.cast
    for refused in (
        lambda: login_propose(actor=cast.admin, user=cast.pi, site=cast.site, login=login),
        lambda: login_ask(actor=cast.pi, site=cast.site, login=login),
    ):
        with pytest.raises(InvalidInput) as refusal:
            refused()
        assert refusal.value.field == "login"
    assert not SiteLogin.objects.exists()


def test_a_login_that_has_become_the_operators_isnt_confirmed(real: Stage):
    cast = real.cast
    link = login_ask(actor=cast.pi, site=cast.site, login="slurmops")
    Cluster.objects.filter(pk=real.cluster.pk).update(operator_login="slurmops")
    with pytest.raises(InvalidInput) as refusal:
        login_confirm(actor=cast.site_manager, link=link)
    assert refusal.value.field == "login"
    link.refresh_from_db()
    assert link.state == "proposed"


# --- Many at once ----------------------------------------------------------------------------------------
def test_a_table_proposes_its_good_rows_and_names_the_others(cast):
    table = (
        "\ufeffLogin,Email\n"
        f"ayesha,{cast.pi.email}\n"
        f"root,{cast.member.email}\n"
        "khan,nobody@example.pk\n"
        "\n"
        f"ayesha2,{cast.pi.email.upper()}\n"
        f"member,{cast.member.email}\n"
        "alone\n"
    )
    done = logins_import(actor=cast.site_manager, site=cast.site, table=table)
    assert (done.proposed, done.known) == (2, 0)
    assert [(fault.row, fault.column) for fault in done.faults] == [
        (3, "login"),
        (4, "email"),
        (6, "login"),
        (8, "email"),
    ]
    again = logins_import(actor=cast.site_manager, site=cast.site, table=table)
    assert (again.proposed, again.known, len(again.faults)) == (0, 2, 4)
    assert SiteLogin.objects.filter(state="proposed").count() == 2
    assert AuditRow.objects.filter(action="login_propose").count() == 2


@pytest.mark.parametrize(
    "table",
    [
        "",
        "a,b\n",
        "email\nx@y.pk\n",
        "email,login\n" + "a,b\n" * 1001,
        "email,login\na\0@b.pk,c\n",
        'email,login\n"' + "a" * 131_073 + '",b\n',
    ],
)
def test_what_is_no_such_table(cast, table):
    with pytest.raises(InvalidInput) as refusal:
        logins_import(actor=cast.site_manager, site=cast.site, table=table)
    assert refusal.value.field == "table"


def test_line_ends_of_any_kind(cast):
    table = f"email,login\r{cast.pi.email},ayesha\r{cast.member.email},khan\r"
    assert logins_import(actor=cast.site_manager, site=cast.site, table=table).proposed == 2


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
    links = SiteLogin.objects.filter(site=site, state="confirmed")
    return dict(links.values_list("user__email", "login"))


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
