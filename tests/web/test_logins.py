"""Pages on which a person and a site agree about a login."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.foundation.models import AuditRow
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites.logins import login_ask, login_propose
from tests.bridge_stage import Stage

SITE_LOGINS, MINE = "/sites/ned/logins/", "/jobs/logins/"


@pytest.fixture
def real(stage: Stage) -> Stage:
    stage.cluster.is_sandbox = False
    stage.cluster.save()
    return stage


def button(name: str, link: SiteLogin) -> str:
    return reverse(f"login_{name}", args=[link.code])


def test_the_site_proposes_and_the_person_confirms(web, real: Stage):
    cast = real.cast
    link = login_propose(actor=cast.site_manager, user=cast.pi, site=cast.site, login="ayesha")
    shown = web(cast.site_manager).get(SITE_LOGINS).content.decode()
    assert "To be confirmed" in shown
    assert button("confirm", link) not in shown
    person = web(cast.pi)
    shown = person.get(MINE).content.decode()
    assert "Yes, that is me" in shown
    assert button("confirm", link) in shown
    assert person.post(button("confirm", link)).url == MINE
    assert SiteLogin.objects.get().state == "confirmed"
    assert AuditRow.objects.get(action="login_confirm").actor == cast.pi.code
    shown = person.get(MINE, follow=True).content.decode()
    assert "Yes, that is me" not in shown
    assert button("end", link) in shown


def test_the_person_asks_and_the_site_confirms(web, real: Stage):
    cast = real.cast
    person = web(cast.pi)
    assert f"{reverse('login_ask')}?site=ned" in person.get(MINE).content.decode()
    form = person.get(reverse("login_ask") + "?site=ned").context["form"]
    assert form["site"].value() == "ned"
    assert person.post(reverse("login_ask"), {"site": "ned", "login": "ayesha"}).url == MINE
    link = SiteLogin.objects.get()
    assert "Take back" in person.get(MINE).content.decode()
    manager = web(cast.site_manager)
    page = manager.get(SITE_LOGINS)
    assert [(claim.login, may) for claim, may in page.context["claims"]] == [("ayesha", True)]
    assert manager.post(button("confirm", link)).url == SITE_LOGINS
    assert SiteLogin.objects.get().state == "confirmed"


def test_a_person_takes_a_claim_back_and_a_site_declines_one(web, real: Stage):
    cast = real.cast
    link = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    assert web(cast.pi).post(button("decline", link)).url == MINE
    link = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    assert web(cast.site_manager).post(button("decline", link)).url == SITE_LOGINS
    assert set(SiteLogin.objects.values_list("state", flat=True)) == {"declined"}
    # The page tells why nothing comes of pressing again.
    shown = web(cast.pi).post(button("decline", link), follow=True).content.decode()
    assert "isn&#x27;t possible now" in shown


def test_nobody_presses_the_others_button(web, real: Stage):
    cast = real.cast
    claim = login_ask(actor=cast.pi, site=cast.site, login="ayesha")
    offer = login_propose(actor=cast.site_manager, user=cast.member, site=cast.site, login="khan")
    assert web(cast.pi).post(button("confirm", claim)).status_code == 403
    assert web(cast.site_manager).post(button("confirm", offer)).status_code == 403
    for link in (claim, offer):
        for name in ("confirm", "decline", "end"):
            assert web(cast.outsider).post(button(name, link)).status_code == 404
    assert set(SiteLogin.objects.values_list("state", flat=True)) == {"proposed"}


@pytest.mark.parametrize("who", ["pi", "site_manager"])
def test_ending_asks_first(web, cast, who):
    link = SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha", linked_by=cast.admin)
    back = MINE if who == "pi" else SITE_LOGINS
    assert web(cast.member).post(button("end", link)).status_code == 404
    client = web(getattr(cast, who))
    assert "ayesha" in client.get(button("end", link)).content.decode()
    assert SiteLogin.objects.get().state == "confirmed"
    assert client.post(button("end", link)).url == back
    assert SiteLogin.objects.get().state == "ended"
    assert AuditRow.objects.get(action="login_end").actor == getattr(cast, who).code
    assert client.get(button("end", link)).status_code == 404


def test_following_a_buttons_address_leads_to_the_page(web, cast):
    link = SiteLogin.objects.create(user=cast.pi, site=cast.site, login="a", state="proposed")
    assert web(cast.pi).get(button("confirm", link)).url == MINE
    assert web(cast.site_manager).get(button("confirm", link)).url == SITE_LOGINS
    assert web(cast.site_manager).get("/sites/ned/bridge/reconcile/").url == "/sites/ned/bridge/"
    assert web(cast.outsider).get(button("confirm", link)).status_code == 404


def test_search_and_filter(web, cast):
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha")
    SiteLogin.objects.create(user=cast.member, site=cast.site, login="khan", state="declined")

    def found(query: str) -> list[str]:
        page = web(cast.site_manager).get(f"{SITE_LOGINS}?{query}")
        return sorted(link.login for link in page.context["page_obj"])

    assert found("") == ["ayesha", "khan"]
    assert found("q=PI@example") == ["ayesha"]
    assert found("q=kha") == ["khan"]
    assert found("state=declined") == ["khan"]
    assert found("q=nobody") == []
    assert "Change or clear the filter" in web(cast.admin).get(f"{SITE_LOGINS}?q=no").content.decode()


def test_many_by_file_or_by_hand(web, cast):
    url = reverse("logins_import", args=["ned"])
    client = web(cast.site_manager)
    assert client.get(url).status_code == 200
    table = f"email,login\n{cast.pi.email},ayesha\n{cast.member.email},root\n"
    page = client.post(url, {"table": table})
    shown = page.content.decode()
    assert (page.status_code, page.context["done"].proposed) == (200, 1)
    assert "can&#x27;t be a person&#x27;s login" in shown
    assert "To be corrected: 1" in shown
    file = SimpleUploadedFile("people.csv", table.replace("root", "khan").encode())
    page = client.post(url, {"file": file})
    assert (page.context["done"].proposed, page.context["done"].known) == (1, 1)
    assert SiteLogin.objects.filter(state="proposed").count() == 2


@pytest.mark.parametrize(
    "wrong",
    [{}, {"table": "a,b"}, {"file": b"\xff\xfe"}, {"table": "x", "file": b"email,login\n"}],
)
def test_a_wrong_table_is_told(web, cast, wrong):
    if "file" in wrong:
        wrong = wrong | {"file": SimpleUploadedFile("people.csv", wrong["file"])}
    page = web(cast.site_manager).post(reverse("logins_import", args=["ned"]), wrong)
    assert page.status_code == 422
    assert page.context["form"].errors


@pytest.mark.parametrize("count", [5, 200])
def test_queries_dont_grow(web, cast, django_assert_max_num_queries, count):
    from portal.people.models import User

    people = User.objects.bulk_create(User(email=f"p{n}@example.pk", name=f"P {n}") for n in range(count))
    SiteLogin.objects.bulk_create(
        SiteLogin(
            user=user,
            site=cast.site,
            login=f"p{user.pk}",
            linked_by=user,
            state="proposed" if number % 2 else "confirmed",
            code=f"lgn-{number}",
        )
        for number, user in enumerate(people)
    )
    client = web(cast.site_manager)
    client.get(SITE_LOGINS)
    with django_assert_max_num_queries(15):
        assert client.get(SITE_LOGINS).status_code == 200
