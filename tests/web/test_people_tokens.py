"""API tokens on their page: made, shown once, revoked."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from portal.foundation.models import AuditRow
from portal.people.models import ApiToken
from portal.people.services.tokens import token_create
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, cast):
    """The PI, signed in, who has just given the password once more."""
    client.post("/sign-in/login/", {"login": cast.pi.email, "password": PASSWORD})
    client.post("/sign-in/reauthenticate/", {"password": PASSWORD})
    return client


def with_token(secret: str) -> APIClient:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return api


def make(browser, **changes):
    return browser.post("/tokens/new/", {"name": "nightly reports", "days": "30"} | changes)


def test_a_token_is_shown_once_and_works(browser, cast):
    reply = make(browser)
    secret = reply.context["secret"]
    assert secret in reply.content.decode()
    assert "no-store" in reply["Cache-Control"]
    assert with_token(secret).get("/api/v1/me/").json()["code"] == cast.pi.code

    page = browser.get("/tokens/").content.decode()
    assert "nightly reports" in page
    assert secret[:8] in page
    assert secret not in page
    row = ApiToken.objects.get()
    assert secret not in (row.digest, row.token_key)
    assert AuditRow.objects.get(action="token_create").object_code == row.code


@pytest.mark.parametrize(
    ("changes", "field"), [({"name": " "}, "name"), ({"days": "0"}, "days"), ({"days": "366"}, "days")]
)
def test_a_bad_token_is_explained(browser, changes, field):
    reply = make(browser, **changes)
    assert reply.status_code == 422
    assert reply.context["form"].errors[field]
    assert not ApiToken.objects.exists()


def test_a_name_is_used_once(browser):
    make(browser)
    reply = make(browser, name="Nightly  Reports")
    assert "already" in reply.context["form"].errors["name"][0]


def test_making_one_asks_for_the_password_again(web, cast):
    reply = web(cast.pi).get("/tokens/new/")
    assert reply.status_code == 302
    assert reply.url.startswith("/sign-in/reauthenticate/")


def test_a_revoked_token_is_dead(browser, cast):
    row, secret = token_create(actor=cast.pi, name="old", days=1)
    browser.post(f"/tokens/{row.code}/revoke/")
    assert with_token(secret).get("/api/v1/me/").status_code == 401
    assert AuditRow.objects.get(action="token_revoke").object_code == row.code


def test_nobody_revokes_anothers(web, cast):
    row, _ = token_create(actor=cast.pi, name="mine", days=1)
    assert web(cast.outsider).post(f"/tokens/{row.code}/revoke/").status_code == 404
    assert web(cast.admin).post(f"/tokens/{row.code}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=row.pk).exists()


def test_an_expired_token_is_dead(cast):
    row, secret = token_create(actor=cast.pi, name="old", days=1)
    ApiToken.objects.filter(pk=row.pk).update(expiry=timezone.now())
    assert with_token(secret).get("/api/v1/me/").status_code == 401


def test_a_deactivated_persons_token_is_dead(cast):
    _, secret = token_create(actor=cast.pi, name="mine", days=1)
    cast.pi.is_active = False
    cast.pi.save()
    assert with_token(secret).get("/api/v1/me/").status_code == 401
