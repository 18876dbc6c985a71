"""Signing up, proving an address, signing in with a second factor, being kept out: as a browser does it."""

import re
import time
from smtplib import SMTPServerDisconnected

import pyotp
import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils.translation import get_language

from portal.foundation.models import AuditRow
from portal.people.models import User
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db
SIGN_UP = {
    "name": "Zainab Malik",
    "email": "zainab@example.pk",
    "language": "en",
    "password1": "correct-horse-battery",
    "password2": "correct-horse-battery",
    "terms": "on",
}
CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}$", re.MULTILINE)
HERE = "/sign-in/confirm-email/"


def sign_up(client, **changes):
    return client.post("/sign-in/signup/", SIGN_UP | changes)


def sign_in(client, email, password=PASSWORD):
    return client.post("/sign-in/login/", {"login": email, "password": password})


def confirm(client, password=PASSWORD):
    return client.post("/sign-in/reauthenticate/", {"password": password})


def code_in_mail() -> str:
    """The latest."""
    return next(found for letter in reversed(mail.outbox) for found in CODE.findall(letter.body))


def type_code(client, code):
    return client.post(HERE, {"code": code})


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


# --- Signing up -------------------------------------------------------------------------------------
def test_sign_up_ends_with_a_proved_address(client):
    assert sign_up(client).url == "/sign-in/confirm-email/"
    user = User.objects.get(email="zainab@example.pk")
    assert (user.name, user.language) == ("Zainab Malik", "en")
    assert user.terms_accepted_at is not None
    assert AuditRow.objects.get(action="user_sign_up").object_code == user.code
    assert not is_signed_in(client)

    # Before the address is proved the right password leads nowhere.
    sign_in(client, user.email)
    assert not is_signed_in(client)

    assert mail.outbox[-1].to == ["zainab@example.pk"]
    assert client.get(HERE).status_code == 200
    assert type_code(client, code_in_mail()).url == "/"
    assert EmailAddress.objects.get(email=user.email).verified
    assert is_signed_in(client)


def test_a_stranger_who_signs_up_with_ones_address_gains_nothing_by_ones_click(client):
    """Whoever gets the mail finds nothing to open: a code, which counts where somebody signed up."""
    sign_up(client, email="registrar@example.pk")
    body = mail.outbox[0].body
    assert "chose a password" in body
    assert "give the code to nobody" in body
    assert "http" not in body
    registrar = Client()
    assert type_code(registrar, code_in_mail()).url == "/sign-in/login/"
    sign_in(client, "registrar@example.pk", SIGN_UP["password1"])
    assert not is_signed_in(client)
    assert not EmailAddress.objects.get().verified
    # The owner of the address has it for themself by a new password; the stranger's is worth nothing then.
    registrar.post("/sign-in/password/reset/", {"email": "registrar@example.pk"})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[-1].body)[1]
    form = registrar.get(link, follow=True).redirect_chain[-1][0]
    registrar.post(form, {"password1": "owners-own-words-7", "password2": "owners-own-words-7"})
    sign_in(registrar, "registrar@example.pk", "owners-own-words-7")
    type_code(registrar, code_in_mail())
    assert is_signed_in(registrar)
    for browser in (client, Client()):
        sign_in(browser, "registrar@example.pk", SIGN_UP["password1"])
        assert not is_signed_in(browser)


def test_wrong_codes_are_bounded_and_codes_run_out(client, monkeypatch):
    sign_up(client)
    for _attempt in range(4):
        assert type_code(client, "XXXX-XXXX").context["form"].errors["code"]
    code = code_in_mail()
    assert type_code(client, "XXXX-XXXX").url == "/sign-in/login/"
    assert type_code(client, code).url == "/sign-in/login/"
    sign_in(client, SIGN_UP["email"], SIGN_UP["password1"])
    assert code_in_mail() != code
    later = time.time() + 30 * 60 + 1
    monkeypatch.setattr("allauth.account.internal.flows.code_verification.time.time", lambda: later)
    assert type_code(client, code_in_mail()).url == "/sign-in/login/"
    assert not EmailAddress.objects.get().verified


def test_a_new_code_takes_the_place_of_the_old(client):
    sign_up(client)
    old = code_in_mail()
    assert "resend" in client.get(HERE).content.decode()
    client.post(HERE, {"action": "resend"})
    assert len(mail.outbox) == 2
    assert type_code(client, old).context["form"].errors["code"]
    type_code(client, code_in_mail())
    assert is_signed_in(client)


def test_who_mistyped_their_address_begins_again(client):
    sign_up(client, email="zainab@exmaple.pk")
    assert 'action="/sign-in/logout/"' in client.get(HERE).content.decode()
    assert client.post("/sign-in/logout/", {"next": "/sign-in/signup/"}).url == "/sign-in/signup/"
    sign_up(client)
    type_code(client, code_in_mail())
    assert is_signed_in(client)


def test_a_further_address_is_proved_by_a_code_too(client, cast):
    sign_in(client, cast.pi.email)
    confirm(client)
    client.post("/sign-in/email/", {"action_add": "", "email": "pi@uni.edu.pk"})
    assert "pi@uni.edu.pk" not in cast.pi.fresh().verified_addresses
    type_code(client, code_in_mail())
    assert "pi@uni.edu.pk" in cast.pi.fresh().verified_addresses


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("email", "not an address"),
        ("language", "fr"),
        ("password1", "short"),
        ("password2", "something-else-entirely"),
        ("terms", ""),
    ],
)
def test_sign_up_says_what_is_wrong_and_keeps_what_was_typed(client, field, value):
    reply = sign_up(client, **{field: value})
    assert reply.status_code == 200
    assert reply.context["form"].errors[field]
    if field != "name":
        assert "Zainab Malik" in reply.content.decode()
    assert not User.objects.exists()


def test_sign_up_tells_nobody_who_is_here(client, cast):
    """A taken address gets the same answer as a free one; its owner gets a mail."""
    other = Client()
    free, taken = sign_up(client), sign_up(other, email=cast.pi.email)
    assert (free.status_code, free.url) == (taken.status_code, taken.url)
    for path in (HERE, "/sign-in/signup/", "/sign-in/login/"):
        one, two = client.get(path), other.get(path)
        assert (one.status_code, one.headers.get("Location")) == (
            two.status_code,
            two.headers.get("Location"),
        )
    assert User.objects.filter(email=cast.pi.email).count() == 1
    assert "already" in mail.outbox[-1].body
    assert mail.outbox[-1].to == [cast.pi.email]


def test_a_reset_tells_nobody_who_is_here(client, cast):
    known = client.post("/sign-in/password/reset/", {"email": cast.pi.email})
    unknown = client.post("/sign-in/password/reset/", {"email": "nobody@example.pk"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


def test_mail_is_written_in_its_readers_language(client, cast, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "portal.people.adapters.DefaultAccountAdapter.render_mail",
        lambda *args, **kwargs: seen.append(get_language()) or mail.EmailMessage(to=["x@example.pk"]),
    )
    cast.pi.language = "ur"
    cast.pi.save()
    client.post("/sign-in/password/reset/", {"email": cast.pi.email}, headers={"accept-language": "en"})
    client.post("/sign-in/password/reset/", {"email": cast.member.email}, headers={"accept-language": "ur"})
    assert seen == ["ur", "en"]


def test_demo_mode_says_where_mail_goes(client, settings):
    settings.MAIL_FOLDER = "/somewhere/mail"
    sign_up(client)
    assert "/somewhere/mail" in client.get("/sign-in/confirm-email/").content.decode()
    settings.DEMO_MODE = False
    sign_up(client, email="other@example.pk")
    assert "/somewhere/mail" not in client.get("/sign-in/confirm-email/").content.decode()


def test_a_dead_mail_server_is_told_and_asked_again(client, monkeypatch):
    def refuse(*args, **kwargs):
        raise SMTPServerDisconnected("down")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        sign_up(client)
        page = client.get("/sign-in/confirm-email/").content.decode()
    assert "can&#x27;t be sent right now" in page
    assert User.objects.filter(email="zainab@example.pk").exists()


# --- Signing in -------------------------------------------------------------------------------------
def test_wrong_passwords_and_strangers_look_alike(client, cast):
    wrong = sign_in(client, cast.pi.email, "wrong-password-1")
    stranger = sign_in(client, "nobody@example.pk", "wrong-password-1")
    assert wrong.context["form"].errors == stranger.context["form"].errors
    assert not is_signed_in(client)


def test_who_was_deactivated_is_out_at_once(client, cast):
    sign_in(client, cast.pi.email)
    assert client.get("/profile/").status_code == 200
    User.objects.filter(pk=cast.pi.pk).update(is_active=False)
    assert client.get("/profile/").status_code == 302
    client.logout()
    assert sign_in(client, cast.pi.email).url == "/sign-in/inactive/"
    assert client.get("/sign-in/inactive/").status_code == 200
    assert not is_signed_in(client)


def test_an_authenticator_app_is_set_up_and_asked_for(client, cast):
    sign_in(client, cast.admin.email)
    # A session left open isn't enough: the password is asked for once more.
    assert client.get("/sign-in/2fa/totp/activate/").status_code == 302
    confirm(client)
    page = client.get("/sign-in/2fa/totp/activate/")
    assert page.status_code == 200
    secret = page.context["form"].secret
    wrong = client.post("/sign-in/2fa/totp/activate/", {"code": "000000"})
    assert wrong.context["form"].errors["code"]
    assert not cast.admin.fresh().has_second_factor
    client.post("/sign-in/2fa/totp/activate/", {"code": pyotp.TOTP(secret).now()})
    admin = cast.admin.fresh()
    assert admin.has_second_factor
    # The key isn't stored as it is.
    assert secret not in str(admin.authenticator_set.get(type="totp").data)

    client.logout()
    assert sign_in(client, admin.email).url.startswith("/sign-in/2fa/authenticate/")
    assert not is_signed_in(client)
    assert client.post("/sign-in/2fa/authenticate/", {"code": "000000"}).context["form"].errors
    assert not is_signed_in(client)
    client.post("/sign-in/2fa/authenticate/", {"code": pyotp.TOTP(secret).now()})
    assert is_signed_in(client)


def test_who_decides_is_sent_to_set_up_a_second_factor(client, cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    sign_in(client, cast.admin.email)
    assert "Set up a second factor" in client.get("/security/").content.decode()
    reply = client.post(f"/people/{cast.member.code}/roles/grant/", {"role": "council", "reason": "x"})
    assert reply.status_code == 422
    assert "Sign-in and security" in reply.content.decode()
    assert not cast.member.programme_roles.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in/login/",
        "/sign-in/signup/",
        "/sign-in/password/reset/",
        "/terms/",
    ],
)
def test_pages_for_visitors(client, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/profile/",
        "/security/",
        "/tokens/",
        "/sign-in/password/change/",
        "/sign-in/email/",
        "/sign-in/2fa/",
        "/sign-in/2fa/totp/activate/",
        "/sign-in/2fa/webauthn/",
        "/sign-in/2fa/webauthn/add/",
        "/sign-in/sessions/",
    ],
)
def test_pages_about_oneself(client, cast, path):
    assert client.get(path).status_code == 302
    sign_in(client, cast.pi.email)
    confirm(client)
    assert client.get(path).status_code == 200


def test_passkeys_can_be_used_to_sign_in(client):
    page = client.get("/sign-in/login/").content.decode()
    assert "mfa_login" in page
    reply = client.get("/sign-in/2fa/webauthn/login/", headers={"x-requested-with": "XMLHttpRequest"})
    assert reply.json()["request_options"]["publicKey"]["challenge"]


# --- Profile ----------------------------------------------------------------------------------------
def test_the_profile_is_changed_and_audited(client, cast):
    sign_in(client, cast.pi.email)
    assert client.post("/profile/", {"name": "", "language": "ur"}).status_code == 422
    client.post("/profile/", {"name": "  Dr   Pi ", "language": "ur"})
    user = cast.pi.fresh()
    assert (user.name, user.language) == ("Dr Pi", "ur")
    row = AuditRow.objects.get(action="profile_change")
    assert row.before == {"name": "Pi", "language": "en"}


def test_the_admin_has_no_sign_in_of_its_own(client, cast):
    """It would know no second factor."""
    reply = client.get("/admin/login/")
    assert reply.status_code == 302
    assert reply.url.startswith("/sign-in/login/")
