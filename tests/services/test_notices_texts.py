"""Every kind of notice that the source tells: set by its reader, mailed to them, worded in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.core import mail
from django.utils import translation
from django.utils.translation import gettext_noop

from portal.foundation.services import outbox
from portal.notices.kinds import TIMINGS, group_of, registered
from portal.notices.models import Notice
from portal.notices.services.notices import notify
from portal.notices.text import render
from portal.notices.web.forms import MailChoicesForm
from tests.cast import Cast
from tests.services.test_notices_choices import ROOT, kinds_in

PLACE = re.compile(r"%\((\w+)\)s")
CATALOGUE = ROOT / "locale" / "ur" / "LC_MESSAGES" / "django.po"
SUBJECT = gettext_noop("%(organisation)s was verified by rule")
SOURCES = [
    path.read_text()
    for room in ("portal", "datacenters", "allocations", "scheduler_bridge")
    for path in Path(ROOT / room).rglob("*.py")
    if "migrations" not in path.parts
]
KINDS = sorted({kind for source in SOURCES for kind in kinds_in(source)})


def noops(source: str) -> Iterator[str]:
    """The message ids that are marked to be translated when they are read."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "gettext_noop":
            (given,) = node.args
            assert isinstance(given, ast.Constant), ast.unparse(node)
            yield given.value


TEXTS = sorted({text for source in SOURCES if "gettext_noop(" in source for text in noops(source)})


@pytest.mark.django_db
def test_every_kind_can_be_set_and_is_mailed_in_the_readers_language(cast: Cast) -> None:
    assert len(KINDS) > 40
    cast.member.language = "ur"
    cast.member.store("language")
    fields = MailChoicesForm().fields
    for kind in KINDS:
        group = group_of(kind)
        assert registered(kind), kind
        assert [value for value, _label in fields[group].choices] == [str(each) for each in TIMINGS[group]]
        notify(
            users=[cast.pi, cast.member],
            kind=kind,
            subject=SUBJECT,
            body="",
            params={"organisation": kind},
            url="/notices/",
        )
    while outbox.drain():
        pass
    assert Notice.objects.count() == len(mail.outbox) == 2 * len(KINDS)
    for kind in KINDS:
        letters = {letter.to[0]: letter for letter in mail.outbox if f" {kind} " in f" {letter.subject} "}
        english, urdu = letters[cast.pi.email], letters[cast.member.email]
        assert english.subject != urdu.subject, kind
        assert all("/notices/" in letter.body and "/settings/" in letter.body for letter in letters.values())


@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_text_keeps_its_places_in_both_languages(language: str) -> None:
    assert len(TEXTS) > 100
    with translation.override(language):
        for text in TEXTS:
            values = {name: f"«{name}»" for name in PLACE.findall(text)}
            read = render(text, values)
            missing = [value for value in values.values() if value not in read]
            assert not missing, (text, read)


def test_every_text_that_was_collected_is_translated() -> None:
    known = {entry.msgid: entry for entry in polib.pofile(str(CATALOGUE))}
    collected = [text for text in TEXTS if text in known]
    assert len(collected) > 100
    bad = [text for text in collected if not known[text].translated() or known[text].fuzzy]
    assert not bad
