"""No mail is lost: a real mail server that is away, then says to come again, then takes it."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string
from email.message import Message

import pytest
from django.core.cache import cache

from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.foundation.models import AuditRow, OutboxRow
from portal.foundation.services import outbox
from portal.notices.models import Digest, Notice
from portal.notices.selectors import late_mail_count, mail_standing
from portal.notices.services.mail import SERVER_AWAY
from portal.notices.services.notices import notify
from portal.notices.services.waiting import mail_retry
from tests.cast import Cast

pytestmark = pytest.mark.django_db


class PostOffice:
    """A mail server at a port of its own. `answer` is what it says to each mail's recipient."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.answer = "250 OK"
        self.letters: list[Message] = []
        self.server: socketserver.ThreadingTCPServer | None = None

    def open(self) -> None:
        office = self

        class Clerk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                office.serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", self.port), Clerk)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def serve(self, clerk: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            clerk.wfile.write(f"{line}\r\n".encode())

        say("220 post office")
        while line := clerk.rfile.readline().decode().strip():
            match line.split(":")[0].split()[0].upper():
                case "RCPT":
                    say(self.answer)
                case "DATA":
                    say("354 go on")
                    lines = iter(lambda: clerk.rfile.readline().decode(), ".\r\n")
                    self.letters.append(message_from_string("".join(lines)))
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 OK")


@pytest.fixture
def office(settings) -> Iterator[PostOffice]:
    office = PostOffice()
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": office.port, "timeout": 5},
        }
    }
    cache.delete(SERVER_AWAY)
    yield office
    cache.delete(SERVER_AWAY)
    office.close()


def the_pause_passes() -> None:
    cache.delete(SERVER_AWAY)
    OutboxRow.objects.update(due_at=clock.now())
    while outbox.drain():
        pass


def test_every_mail_arrives_once_when_the_server_is_back(cast: Cast, office: PostOffice) -> None:
    notify(users=[cast.pi, cast.member], kind="request_approved", subject="Approved", body="Well done.")
    the_pause_passes()
    standing = mail_standing()
    assert (standing.waiting, standing.given_up) == (2, 0)
    assert "refused" in standing.last_error.lower()
    rows = OutboxRow.objects.filter(topic="mail")
    assert all(row.due_at > clock.now() for row in rows), "it is tried again after a pause"

    office.open()
    office.answer = "451 Try again later"
    for _ in range(outbox.MAX_ATTEMPTS):
        the_pause_passes()
    assert office.letters == []
    assert "451" in mail_standing().last_error
    assert mail_standing().given_up == 0, "who says to come again is believed"

    office.answer = "250 OK"
    the_pause_passes()
    the_pause_passes()
    assert sorted(letter["To"] for letter in office.letters) == ["member@example.pk", "pi@example.pk"]
    assert mail_standing().waiting == 0


def test_what_is_refused_for_good_is_kept_and_can_be_tried_again(cast: Cast, office: PostOffice) -> None:
    office.open()
    office.answer = "550 No such mailbox"
    notify(users=[cast.pi], kind="request_approved", subject="Approved", body="")
    for _ in range(outbox.MAX_ATTEMPTS + 1):
        the_pause_passes()
    assert (mail_standing().waiting, mail_standing().given_up) == (0, 1)
    assert late_mail_count() == 1
    office.answer = "250 OK"
    with pytest.raises(NotAllowed):
        mail_retry(actor=cast.council)
    assert mail_retry(actor=cast.admin) == 1
    outbox.drain()
    assert len(office.letters) == 1
    assert AuditRow.objects.get(action="mail_retry").after == {"mails": 1, "given_up": 1}


def test_a_second_copy_carries_the_same_name(cast: Cast, office: PostOffice) -> None:
    """Where the worker dies after the server took it, the mail goes out again: whoever gets both can tell."""
    office.open()
    notify(users=[cast.pi, cast.member], kind="request_approved", subject="Approved", body="")
    the_pause_passes()
    OutboxRow.objects.update(done_at=None)
    the_pause_passes()
    names = [letter["Message-ID"] for letter in office.letters]
    assert len(names) == 4
    assert len(set(names)) == 2
    assert all(name.endswith("@taqseem.test>") for name in names)


def test_a_mail_says_where_to_change_what_one_is_told(cast: Cast, office: PostOffice) -> None:
    office.open()
    address = "http://localhost:8000/notices/settings/"
    notify(users=[cast.pi], kind="job_failed", subject="Job", body="")
    notify(users=[cast.pi], kind="roles_changed", subject="Roles", body="")
    digest = Digest.objects.create(user=cast.pi, day=clock.today())
    Notice.objects.filter(kind="job_failed").update(digest=digest)
    OutboxRow.objects.create(topic="digest", payload={"digest": digest.code})
    the_pause_passes()
    assert len(office.letters) == 3
    assert all(address in letter.get_payload(decode=True).decode() for letter in office.letters)
    headers = {letter["Subject"]: letter["List-Unsubscribe"] for letter in office.letters}
    assert headers["[Taqseem] Job"] == f"<{address}>"
    assert headers["[Taqseem] Roles"] is None, "what concerns one's access can't be turned off"


def test_a_server_that_is_away_is_asked_once(cast: Cast, office: PostOffice) -> None:
    """A hundred mails don't each wait for it while other work stands behind them."""
    notify(users=[cast.pi], kind="request_approved", subject="Approved", body="")
    outbox.drain()
    assert cache.get(SERVER_AWAY)
    notify(users=[cast.member], kind="request_approved", subject="Approved", body="")
    office.open()
    outbox.drain()
    assert office.letters == []
    the_pause_passes()
    assert len(office.letters) == 2
