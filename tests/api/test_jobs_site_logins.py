"""Site logins over the API."""

import pytest

from portal.foundation.models import AuditRow
from scheduler_bridge.models import SiteLogin

LOGINS = "/api/v1/site-logins/"


@pytest.fixture
def link(cast):
    return SiteLogin.objects.create(user=cast.pi, site=cast.site, login="ayesha", linked_by=cast.admin)


def act(client, action: str, code: str):
    return client.post(f"{LOGINS}{code}/{action}/", format="json")


@pytest.mark.parametrize("who", ["site_manager", "admin"])
def test_the_site_proposes_the_person_confirms_either_ends(api, cast, who):
    client = api(getattr(cast, who))
    sent = {"site": cast.site.code, "email": cast.member.email.upper(), "login": "m_khan"}
    reply = client.post(LOGINS, sent, format="json")
    assert reply.status_code == 201
    told = reply.json()
    assert (told["user"], told["login"], told["state"]) == (cast.member.code, "m_khan", "proposed")
    assert AuditRow.objects.get(action="login_propose").actor == getattr(cast, who).code
    assert act(client, "confirm", told["code"]).status_code == 403
    assert act(api(cast.outsider), "confirm", told["code"]).status_code == 404
    assert act(api(cast.member), "confirm", told["code"]).json()["state"] == "confirmed"
    assert act(api(cast.member), "decline", told["code"]).status_code == 409
    assert act(client, "end", told["code"]).json()["state"] == "ended"
    row = AuditRow.objects.get(action="login_end")
    assert row.before == {"site": "ned", "login": "m_khan", "state": "confirmed"}


@pytest.mark.parametrize("email", [None, "pi@example.pk"])
def test_a_person_asks_and_the_site_answers(api, stage, email):
    cast = stage.cast
    sent = {"site": "ned", "login": "ayesha"} | ({"email": email} if email else {})
    reply = api(cast.pi).post(LOGINS, sent, format="json")
    assert reply.status_code == 201, reply.json()
    code = reply.json()["code"]
    assert act(api(cast.pi), "confirm", code).status_code == 403
    assert act(api(cast.site_manager), "confirm", code).json()["state"] == "confirmed"
    assert api(cast.outsider).post(LOGINS, {"site": "ned", "login": "me"}, format="json").status_code == 409


def test_many_at_once(api, cast):
    table = f"email,login\n{cast.pi.email},ayesha\nnobody@example.pk,x\n"
    body = {"site": "ned", "table": table}
    assert api(cast.pi).post(f"{LOGINS}import/", body, format="json").status_code == 403
    reply = api(cast.site_manager).post(f"{LOGINS}import/", body, format="json")
    assert (reply.status_code, reply.json()["proposed"]) == (200, 1)
    assert [(fault["row"], fault["column"]) for fault in reply.json()["faults"]] == [(3, "email")]


@pytest.mark.parametrize("who", ["pi", "member", "outsider", "auditor"])
def test_nobody_else_does(api, cast, link, who):
    client = api(getattr(cast, who))
    # Not even whether somebody has signed up is told.
    for email in (cast.colleague.email, "nobody@example.pk"):
        sent = {"site": cast.site.code, "email": email, "login": "m_khan"}
        assert client.post(LOGINS, sent, format="json").status_code == 403
    if who != "pi":
        for action in ("confirm", "decline", "end"):
            assert act(client, action, link.code).status_code == 404
    assert SiteLogin.objects.get().state == "confirmed"


@pytest.mark.parametrize(
    ("who", "sees"), [("pi", 1), ("site_manager", 1), ("admin", 1), ("member", 0), ("outsider", 0)]
)
def test_who_sees_which(api, cast, link, who, sees):
    client = api(getattr(cast, who))
    assert client.get(LOGINS).json()["count"] == sees
    status = client.get(f"{LOGINS}{link.code}/").status_code
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
        SiteLogin(user=user, site=cast.site, login=f"p{user.pk}", code=f"lgn-{user.pk}") for user in people
    )
    with django_assert_max_num_queries(10):
        assert api(cast.site_manager).get(f"{LOGINS}?page_size=500").json()["count"] == 200
