"""The outbox: done after the commit, at least once, and never lost."""

import pytest
from django.db import transaction

from portal.foundation import clock
from portal.foundation.models import OutboxRow
from portal.foundation.services import outbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def topic():
    name = "test_topic"
    yield name
    outbox._handlers.pop(name, None)


def test_a_message_reaches_its_handler_once(topic):
    got = []
    outbox.handles(topic)(got.append)
    with transaction.atomic():
        outbox.enqueue(topic=topic, payload={"x": 1})
    assert outbox.drain() == 1
    assert outbox.drain() == 0
    assert got == [{"x": 1}]


def test_what_rolled_back_was_never_said(topic):
    with transaction.atomic():
        outbox.enqueue(topic=topic, payload={})
        transaction.set_rollback(True)
    assert not OutboxRow.objects.exists()


def test_a_failing_handler_is_tried_again_later(topic):
    calls = []

    @outbox.handles(topic)
    def fails_once(payload):
        calls.append(payload)
        if len(calls) == 1:
            OutboxRow.objects.create(topic="half_done")
            raise OSError("mail server away")

    with transaction.atomic():
        outbox.enqueue(topic=topic, payload={})
    assert outbox.drain() == 1
    row = OutboxRow.objects.get(topic=topic)
    assert "mail server away" in row.error
    assert row.due_at > clock.now()
    assert not OutboxRow.objects.filter(topic="half_done").exists(), "the handler's half work is undone"
    OutboxRow.objects.update(due_at=clock.now())
    assert outbox.drain() == 1
    row.refresh_from_db()
    assert row.done_at is not None
    assert len(calls) == 2


def test_a_hopeless_message_is_kept_and_marked(topic):
    @outbox.handles(topic)
    def always_fails(payload):
        raise ValueError("no")

    with transaction.atomic():
        outbox.enqueue(topic=topic, payload={})
    for _ in range(outbox.MAX_ATTEMPTS):
        OutboxRow.objects.update(due_at=clock.now())
        outbox.drain()
    row = OutboxRow.objects.get(topic=topic)
    assert row.failed_at is not None
    assert outbox.drain() == 0


def test_who_is_away_is_waited_for(topic):
    """However often: a message is given up for its own faults only. Its name stays the same."""
    names = set()

    @outbox.handles(topic)
    def away(payload):
        names.add(outbox.reference())
        raise outbox.Away("nobody there")

    with transaction.atomic():
        outbox.enqueue(topic=topic, payload={})
        outbox.enqueue(topic=topic, payload={})
    for _ in range(outbox.MAX_ATTEMPTS + 5):
        OutboxRow.objects.update(due_at=clock.now())
        outbox.drain(limit=2)
    assert [row.failed_at for row in OutboxRow.objects.filter(topic=topic)] == [None, None]
    assert len(names) == 2
