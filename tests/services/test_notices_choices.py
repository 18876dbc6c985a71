"""How people want to be told: at once, in a digest, or not by mail at all."""

import ast
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.models import AuditRow
from portal.foundation.services import outbox
from portal.notices.kinds import group_of, registered
from portal.notices.models import Digest, MailChoice, Notice
from portal.notices.selectors import mail_choices
from portal.notices.services.choices import mail_choices_save
from portal.notices.services.digests import digests_make
from portal.notices.services.notices import notify
from portal.people.models import User
from tests.cast import Cast

ROOT = Path(__file__).resolve().parents[2]
# Some Tuesday to come, a moment after eight: the outbox goes by the database's clock and sends what is due.
AHEAD = clock.today() + timedelta(days=30)
TUESDAY = datetime.combine(AHEAD + timedelta(days=(1 - AHEAD.weekday()) % 7), time(8, 0, 1), clock.KARACHI)
TELLING = {"notify", "tell"}


@pytest.fixture
def at(monkeypatch):
    """`at(moment)` sets the clock."""

    def setting(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    setting(TUESDAY)
    return setting


def told(user: User, kind: str, title: str, *, written: datetime) -> Notice:
    notice = notify(
        users=[user], kind=kind, subject=gettext_noop("%(title)s"), body="", params={"title": title}
    )
    Notice.objects.filter(pk=notice[0].pk).update(created_at=written)
    return notice[0]


def mailed() -> list[str]:
    while outbox.drain():
        pass
    return [letter.to[0] for letter in mail.outbox]


# --- Settings ---------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_everything_comes_at_once_until_somebody_chooses(cast: Cast) -> None:
    assert set(mail_choices(cast.pi).values()) == {"at_once"}
    mail_choices_save(actor=cast.pi, choices={"jobs": "never", "allocations": "daily"})
    notify(users=[cast.pi, cast.member], kind="job_failed", subject="Job", body="")
    notify(users=[cast.pi, cast.member], kind="usage_75", subject="Usage", body="")
    assert mailed() == ["member@example.pk", "member@example.pk"]
    assert Notice.objects.filter(user=cast.pi).count() == 2, "in the portal both stand"
    assert AuditRow.objects.get(action="mail_choices_save").before == {
        "jobs": "at_once",
        "allocations": "at_once",
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    "choice",
    [{"security": "daily"}, {"duties": "weekly"}, {"duties": "never"}, {"jobs": "hourly"}, {"x": "never"}],
)
def test_what_mustnt_wait_cant_be_put_off(cast: Cast, choice: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        mail_choices_save(actor=cast.pi, choices=choice)
    assert refusal.value.field == next(iter(choice))
    assert refusal.value.remedy
    group, timing = next(iter(choice.items()))
    with pytest.raises(IntegrityError), transaction.atomic():
        MailChoice.objects.create(user=cast.pi, group=group, timing=timing)


@pytest.mark.django_db
def test_never_also_holds_for_what_waited(cast: Cast, at) -> None:
    mail_choices_save(actor=cast.pi, choices={"jobs": "daily"})
    told(cast.pi, "job_failed", "Job", written=TUESDAY - timedelta(hours=1))
    mail_choices_save(actor=cast.pi, choices={"jobs": "never"})
    assert digests_make() == 0


# --- Digests ----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_one_mail_a_day_with_all_in_order(cast: Cast, at) -> None:
    mail_choices_save(actor=cast.pi, choices={"jobs": "daily", "duties": "daily"})
    hour = timedelta(hours=1)
    told(cast.pi, "job_failed", "Second job", written=TUESDAY - hour)
    told(cast.pi, "job_completed", "First job", written=TUESDAY - 2 * hour)
    told(cast.pi, "request_submitted", "A duty", written=TUESDAY - hour)
    told(cast.pi, "job_failed", "After the hour", written=TUESDAY + hour)
    assert digests_make() == 1
    assert digests_make() == 0
    assert mailed() == ["pi@example.pk"]
    letter = mail.outbox[0]
    places = [letter.body.index(word) for word in ("A duty", "First job", "Second job")]
    assert places == sorted(places)
    assert "After the hour" not in letter.body
    assert "http://localhost:8000/notices/settings/" in letter.body
    at(TUESDAY + timedelta(days=1))
    assert digests_make() == 1
    assert mailed() == ["pi@example.pk"] * 2
    assert "After the hour" in mail.outbox[1].body
    assert "Second job" not in mail.outbox[1].body
    at(TUESDAY + timedelta(days=2))
    assert digests_make() == 0, "nothing to say, no mail"


@pytest.mark.django_db
def test_a_digest_comes_in_the_readers_language(cast: Cast, at) -> None:
    cast.pi.language = "ur"
    cast.pi.save()
    mail_choices_save(actor=cast.pi, choices={"jobs": "daily"})
    told(cast.pi, "job_failed", "Job", written=TUESDAY - timedelta(hours=1))
    digests_make()
    mailed()
    assert "جابز" in mail.outbox[0].body


@pytest.mark.django_db
def test_before_the_hour_nothing_is_sent(cast: Cast, at) -> None:
    mail_choices_save(actor=cast.pi, choices={"jobs": "daily"})
    told(cast.pi, "job_failed", "Job", written=TUESDAY - timedelta(days=1))
    at(TUESDAY - timedelta(minutes=1))
    assert digests_make() == 0


@pytest.mark.django_db
def test_weekly_waits_for_monday_and_joins_the_daily_mail(cast: Cast, at) -> None:
    mail_choices_save(actor=cast.pi, choices={"jobs": "weekly", "people": "daily"})
    told(cast.pi, "job_failed", "Job", written=TUESDAY - timedelta(hours=1))
    for day in range(6):
        at(TUESDAY + timedelta(days=day))
        assert digests_make() == 0, day
    monday = TUESDAY + timedelta(days=6)
    at(monday)
    told(cast.pi, "member_joined", "Somebody", written=monday - timedelta(hours=1))
    assert digests_make() == 1
    mailed()
    assert "Job" in mail.outbox[0].body
    assert "Somebody" in mail.outbox[0].body


@pytest.mark.django_db
def test_what_was_read_and_who_left_need_no_digest(cast: Cast, at) -> None:
    for user in (cast.pi, cast.member):
        mail_choices_save(actor=user, choices={"jobs": "daily"})
        told(user, "job_failed", "Job", written=TUESDAY - timedelta(hours=1))
    Notice.objects.filter(user=cast.pi).update(read_at=TUESDAY)
    cast.member.is_active = False
    cast.member.save()
    assert digests_make() == 0
    assert not Digest.objects.exists()


# --- Kinds ------------------------------------------------------------------------------------------
def test_every_kind_that_is_told_has_a_group() -> None:
    """Reads the source: whoever tells people something registers its kind in notices/kinds.py."""
    sources = [
        path
        for room in ("portal", "datacenters", "allocations", "scheduler_bridge")
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts
    ]
    found = {(kind, str(path.relative_to(ROOT))) for path in sources for kind in kinds_in(path.read_text())}
    assert len(found) > 15, "the scan finds what is told"
    assert {kind for kind, _ in found} >= {"roles_changed", "job_x", "login_asked", "member_invited"}
    assert not {place for place in found if registered(place[0]) is None}


def test_the_scan_sees_kinds_however_they_are_passed() -> None:
    source = """
def _tell(users, kind, words):
    notify(users=users, kind=kind, subject=words, body=words)
def one(thing):
    kind, words = f"new_{thing.state}", ""
    _tell([], kind, words)
    _tell([], "second", words)
    tell(users=[], **{"kind": "third"})
    notify(users=[], kind="fourth" if thing else "fifth")
def _over(users, *, kind):
    notify(users=users, kind=kind)
def two():
    _over([], kind="sixth")
"""
    assert kinds_in(source) == {"new_x", "second", "third", "fourth", "fifth", "sixth"}
    assert group_of("nobody_registered_this") == "duties"


def kinds_in(source: str) -> set[str]:
    """Every kind in a module that tells people something; what is only known when it runs reads `x`."""
    if not any(f"{word}(" in source for word in TELLING):
        return set()
    tree = ast.parse(source)
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _passed(node, functions)
        elif isinstance(node, ast.Dict):
            found += [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "kind"
            ]
        elif isinstance(node, ast.Assign):
            found += _assigned(node)
    return {kind for value in found for kind in _texts(value)}


def _passed(call: ast.Call, functions: dict[str, ast.FunctionDef]) -> list[ast.expr]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    names, only = [], []
    if name in functions:
        names = [argument.arg for argument in functions[name].args.args]
        only = [argument.arg for argument in functions[name].args.kwonlyargs]
    if name not in TELLING and "kind" not in names + only:
        return []
    place = names.index("kind") if "kind" in names else len(call.args)
    return [word.value for word in call.keywords if word.arg == "kind"] + call.args[place : place + 1]


def _assigned(node: ast.Assign) -> list[ast.expr]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return [given for name, given in pairs if getattr(name, "id", "") == "kind"]
    return [value] if getattr(target, "id", "") == "kind" else []


def _texts(value: ast.expr) -> list[str]:
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)]
        case ast.IfExp(body=one, orelse=other):
            return [*_texts(one), *_texts(other)]
    return []  # handed on: seen where it comes from
