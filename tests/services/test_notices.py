"""Notices and mail: written with the change, sent after it, in the reader's language, never lost."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_noop

from portal.foundation.models import OutboxRow
from portal.foundation.services import outbox
from portal.notices.models import Notice
from portal.notices.selectors import notices_visible_to, unread_count
from portal.notices.services.mail import SERVER_AWAY
from portal.notices.services.notices import notice_read, notices_read_all, notify
from portal.notices.text import render
from portal.people.services.members import member_invite

pytestmark = pytest.mark.django_db
SUBJECT = gettext_noop("%(project)s was approved")
URDU = {SUBJECT: "%(project)s منظور ہوا"}


def tell(*users, **changes):
    options = {
        "users": users,
        "kind": "test",
        "subject": SUBJECT,
        "body": "Go to %(project)s.",
        "params": {"project": "Retina"},
        "url": "/projects/x/",
    }
    return notify(**(options | changes))


@pytest.fixture
def urdu(monkeypatch):
    """One translated message, whatever the catalogues hold."""

    def translate(message):
        return URDU.get(message, message) if translation.get_language() == "ur" else message

    monkeypatch.setattr("portal.notices.text.gettext", translate)


def test_everybody_is_told_once(cast):
    tell(cast.pi, cast.member, cast.pi)
    assert Notice.objects.count() == 2
    outbox.drain()
    assert sorted(letter.to[0] for letter in mail.outbox) == ["member@example.pk", "pi@example.pk"]
    letter = mail.outbox[0]
    assert letter.subject == "[Taqseem] Retina was approved"
    assert "Go to Retina." in letter.body
    assert "http://localhost:8000/projects/x/" in letter.body


def test_each_reads_in_their_own_language(cast, urdu):
    cast.member.language = "ur"
    cast.member.save()
    tell(cast.pi, cast.member)
    with translation.override("ur"):
        outbox.drain()
    subjects = {letter.to[0]: letter.subject for letter in mail.outbox}
    assert subjects["pi@example.pk"].endswith("Retina was approved")
    assert subjects["member@example.pk"].endswith("منظور ہوا")
    with translation.override("ur"):
        assert Notice.objects.filter(user=cast.pi).get().title.endswith("منظور ہوا")


def test_a_rolled_back_change_tells_nobody(cast):
    with transaction.atomic():
        tell(cast.pi)
        transaction.set_rollback(True)
    outbox.drain()
    assert not Notice.objects.exists()
    assert mail.outbox == []


def test_no_mail_is_lost_while_the_server_is_down(cast, monkeypatch):
    tell(cast.pi, cast.member)

    def refuse(*args, **kwargs):
        raise SMTPServerDisconnected("down")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        outbox.drain()
    rows = OutboxRow.objects.filter(topic="mail")
    assert [(row.attempts, row.done_at) for row in rows] == [(1, None), (1, None)]
    assert "down" in rows[0].error
    cache.delete(SERVER_AWAY)
    for row in rows:  # The pause passes.
        row.due_at -= timedelta(minutes=1)
        row.save()
    outbox.drain()
    outbox.drain()
    assert len(mail.outbox) == 2


def test_who_was_deactivated_gets_nothing(cast):
    cast.member.is_active = False
    cast.member.save()
    tell(cast.pi, cast.member)
    cast.pi.is_active = False
    cast.pi.save()
    outbox.drain()
    assert Notice.objects.get().user == cast.pi
    assert mail.outbox == []


def test_mail_goes_to_the_address_of_that_moment(cast):
    tell(cast.pi)
    cast.pi.email = "new@example.pk"
    cast.pi.save()
    outbox.drain()
    assert mail.outbox[0].to == ["new@example.pk"]


def test_a_missing_value_is_found_at_once(cast):
    with pytest.raises(KeyError):
        tell(cast.pi, params={})
    assert not Notice.objects.exists()


def test_people_below_tell_through_the_outbox(cast):
    """A newcomer gets a mail, who is here a notice as well."""
    asked = member_invite(
        actor=cast.pi, organisation=cast.organisation, email="new@example.pk", role="member"
    )
    member_invite(actor=cast.pi, organisation=cast.organisation, email=cast.outsider.email, role="member")
    while outbox.drain():
        pass
    assert {letter.to[0] for letter in mail.outbox} == {"new@example.pk", cast.outsider.email}
    to_newcomer = next(letter for letter in mail.outbox if letter.to == ["new@example.pk"])
    assert asked.get_absolute_url() in to_newcomer.body
    assert Notice.objects.get().user == cast.outsider
    assert "NED University" in Notice.objects.get().title


def test_a_subject_is_one_line(cast):
    tell(cast.pi, params={"project": "Retina\nBcc: everybody@example.pk"})
    outbox.drain()
    assert mail.outbox[0].subject == "[Taqseem] Retina Bcc: everybody@example.pk was approved"


def test_reading(cast):
    first, _second = tell(cast.pi)[0], tell(cast.pi)[0]
    tell(cast.outsider)
    assert unread_count(cast.pi) == 2
    notice_read(actor=cast.outsider, notice=first)
    assert unread_count(cast.pi) == 2
    notice_read(actor=cast.pi, notice=first)
    assert unread_count(cast.pi) == 1
    assert notices_read_all(actor=cast.pi) == 1
    assert unread_count(cast.outsider) == 1
    assert not notices_visible_to(cast.pi).filter(user=cast.outsider).exists()


@pytest.mark.parametrize(("language", "day"), [("en", "5 Sep 2026"), ("ur", "5 ستمبر 2026")])
def test_days_are_written_in_the_readers_language(language: str, day: str) -> None:
    with translation.override(language):
        assert render("until %(day)s, %(title)s", {"day": "2026-09-05", "title": "2026-99-05"}) == (
            f"until {day}, 2026-99-05"
        )
