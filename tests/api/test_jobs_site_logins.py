"""Site logins over the API."""

import pytest

from portal.foundation.models import AuditRow
from scheduler_bridge.models import SiteLogin

LOGINS = "/api/v1/site-logins/"


@pytest.fixture
def link(cast):
    return SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha", linked_by=cast.admin)


@pytest.mark.parametrize("who", ["site_manager", "admin"])
def test_who_runs_the_site_links_and_unlinks(api, cast, who):
    client = api(getattr(cast, who))
    sent = {"site": cast.site.code, "email": cast.member.email.upper(), "login": "m_khan"}
    reply = client.post(LOGINS, sent, format="json")
    assert reply.status_code == 201
    assert (reply.json()["user"], reply.json()["login"]) == (cast.member.code, "m_khan")
    assert AuditRow.objects.get(action="login_link").actor == getattr(cast, who).code
    assert client.delete(f"{LOGINS}{cast.site.code}/{cast.member.code}/").status_code == 204
    assert not SiteLogin.objects.exists()
    assert AuditRow.objects.get(action="login_unlink").before == {"site": "ned", "login": "m_khan"}


@pytest.mark.parametrize("who", ["pi", "member", "outsider", "auditor"])
def test_nobody_else_does(api, cast, link, who):
    client = api(getattr(cast, who))
    # Not even whether somebody has signed up is told.
    for email in (cast.member.email, "nobody@example.pk"):
        sent = {"site": cast.site.code, "email": email, "login": "m_khan"}
        assert client.post(LOGINS, sent, format="json").status_code == 403
    status = client.delete(f"{LOGINS}{cast.site.code}/{cast.pi.code}/").status_code
    assert status == (403 if who == "pi" else 404)
    assert SiteLogin.objects.count() == 1


@pytest.mark.parametrize(
    ("who", "sees"), [("pi", 1), ("site_manager", 1), ("admin", 1), ("member", 0), ("outsider", 0)]
)
def test_who_sees_which(api, cast, link, who, sees):
    client = api(getattr(cast, who))
    assert client.get(LOGINS).json()["count"] == sees
    status = client.get(f"{LOGINS}{cast.site.code}/{cast.pi.code}/").status_code
    assert status == (200 if sees else 404)


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"email": "nobody@example.pk"}, 400, "email"),
        ({"email": "no address"}, 400, "email"),
        ({"login": "root"}, 400, "login"),
        ({"login": "a b"}, 400, "login"),
        ({"login": "Ä"}, 400, "login"),
        ({"login": "-rf"}, 400, "login"),
        ({"login": "x" * 33}, 400, "login"),
        ({"login": "ayesha"}, 409, "login"),
        ({"site": "nowhere"}, 400, "site"),
    ],
)
def test_bad_input_names_its_field(api, cast, link, wrong, status, field):
    sent = {"site": cast.site.code, "email": cast.member.email, "login": "m_khan"} | wrong
    reply = api(cast.site_manager).post(LOGINS, sent, format="json")
    assert reply.status_code == status
    assert reply.json()["errors"][0]["field"] == field
    assert SiteLogin.objects.count() == 1


def test_queries_dont_grow(api, cast, django_assert_max_num_queries):
    from portal.people.models import User

    people = User.objects.bulk_create(User(email=f"p{n}@example.pk", name=f"P {n}") for n in range(200))
    SiteLogin.objects.bulk_create(
        SiteLogin(user=user, site=cast.site, login=f"p{user.pk}") for user in people
    )
    with django_assert_max_num_queries(10):
        assert api(cast.site_manager).get(f"{LOGINS}?page_size=500").json()["count"] == 200
