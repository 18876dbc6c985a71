"""Demo users: there in demo mode, kept out everywhere else."""

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from portal.foundation.errors import NotAllowed
from portal.people import demo
from portal.people.models import ApiToken, Organisation, User

pytestmark = pytest.mark.django_db
RESEARCHER = "researcher@demo.taqseem.test"


def test_seed_plants_the_cast_once():
    demo.seed()
    demo.seed()
    assert sorted(User.objects.values_list("email", flat=True)) == sorted(
        demo.address(login) for login in demo.PEOPLE
    )
    assert all(body.is_verified and body.illustrative for body in Organisation.objects.all())
    assert demo.user("admin").roles == {"admin", "verifier"}
    assert demo.user("agency").auditor_scopes.get().kind == "all"


def test_demo_agencies_are_verified_by_two(client):
    demo.seed()
    agency = demo.organisation("agency")
    assert agency.verifications.get().words.count() == 2
    assert demo.user("verifier").roles == {"verifier"}
    assert demo.organisation("researcher").counts_as_women_led


@pytest.mark.parametrize(("login", "may"), [("operator", True), ("admin", False)])
def test_the_demo_operator_opens_the_admin(client, login, may):
    demo.seed()
    client.force_login(demo.user(login), backend="portal.people.backends.SignInBackend")
    for path in ("/admin/", "/admin/people/user/"):
        assert (client.get(path).status_code == 200) is may


def test_a_demo_user_signs_in_by_page(client):
    demo.seed()
    reply = client.post("/sign-in/login/", {"login": RESEARCHER, "password": demo.PASSWORD})
    assert reply.status_code == 302
    assert client.session["_auth_user_id"] == str(demo.user("researcher").pk)


def test_outside_demo_mode_nothing_is_planted(settings):
    settings.DEMO_MODE = False
    with pytest.raises(NotAllowed):
        demo.seed()
    with pytest.raises(CommandError, match="demo mode"):
        call_command("demo_seed")
    assert not User.objects.exists()


def test_outside_demo_mode_left_over_demo_users_are_kept_out(client, settings, capsys):
    """A database that once was a demonstration: password, session and token all stop working."""
    demo.seed()
    call_command("demo_token", RESEARCHER)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {capsys.readouterr().out.strip()}")
    client.post("/sign-in/login/", {"login": RESEARCHER, "password": demo.PASSWORD})
    assert api.get("/api/v1/me/").status_code == 200
    assert client.get("/profile/").status_code == 200

    settings.DEMO_MODE = False
    assert api.get("/api/v1/me/").status_code == 401
    assert client.get("/profile/").status_code == 302
    client.logout()
    client.post("/sign-in/login/", {"login": RESEARCHER, "password": demo.PASSWORD})
    assert "_auth_user_id" not in client.session
    with pytest.raises(CommandError, match="demo mode"):
        call_command("demo_token", RESEARCHER)


def test_demo_token_is_for_demo_users_only(cast):
    with pytest.raises(CommandError, match="no demo user"):
        call_command("demo_token", cast.pi.email)
    assert not ApiToken.objects.exists()


def test_demo_token_can_be_asked_for_again_and_again(capsys):
    demo.seed()
    for _ in range(25):
        call_command("demo_token", RESEARCHER)
    tokens = capsys.readouterr().out.split()
    assert len(set(tokens)) == 25
    assert ApiToken.objects.count() == 10
