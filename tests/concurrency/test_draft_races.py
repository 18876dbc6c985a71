"""Two saves of one draft at once: the one that was sent last stands, whichever comes last."""

from threading import Barrier, Event
from typing import Any

import pytest
from django.db import transaction

from allocations.programme.models import AllocationRequest
from allocations.programme.services import draft_save, merging
from allocations.programme.services.merging import Save, standing
from tests.cast import Cast, make_cast
from tests.concurrency.test_ledger_races import at_once
from tests.requesting import draft

pytestmark = pytest.mark.django_db(transaction=True)
# The second was sent when the first had had no answer.
SENT = (("a", "Sent first.", ()), ("b", "Sent last.", ("a",)))


@pytest.fixture
def stage(transactional_db: None) -> tuple[Cast, AllocationRequest]:
    cast = make_cast()
    return cast, draft(cast)


def save_both(cast: Cast, request: AllocationRequest) -> str:
    """What the draft says in the end."""
    start = Barrier(len(SENT))
    base = standing(request, ["justification"])

    def save(number: int) -> None:
        name, words, unanswered = SENT[number]
        found = AllocationRequest.objects.get(pk=request.pk)
        start.wait()
        draft_save(
            actor=cast.pi,
            request=found,
            place="request_edit",
            changes={"justification": words},
            save=Save(name, base, unanswered),
        )

    assert at_once(save, len(SENT)) == [None] * len(SENT)
    return AllocationRequest.objects.get(pk=request.pk).justification


def test_what_was_sent_last_stands(stage: tuple[Cast, AllocationRequest]) -> None:
    assert save_both(*stage) == "Sent last."


def test_without_the_lock_the_older_would_overwrite_it(
    stage: tuple[Cast, AllocationRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail: both look before one of them writes."""
    looked, written = Barrier(2), Event()
    save, update = draft_save, merging.request_update

    def look_first(**given: Any) -> AllocationRequest:
        looked.wait()
        if given["justification"] == "Sent first.":
            written.wait(30)
        return update(**given)

    def committing(**given: Any) -> AllocationRequest:
        try:
            return save(**given)
        finally:
            written.set()

    monkeypatch.setattr(merging, "writable", lambda _actor, request: request)
    monkeypatch.setattr(merging, "request_update", look_first)
    monkeypatch.setitem(globals(), "draft_save", committing)
    assert save_both(*stage) == "Sent first."


def test_a_save_that_wasnt_committed_isnt_known(stage: tuple[Cast, AllocationRequest]) -> None:
    """Its sender sends it again: then it counts, and once more it doesn't."""
    cast, request = stage

    def save(words: str) -> str:
        draft_save(
            actor=cast.pi,
            request=request,
            place="request_edit",
            changes={"justification": words},
            save=Save("a", standing(AllocationRequest.objects.get(pk=request.pk), ["justification"])),
        )
        return AllocationRequest.objects.get(pk=request.pk).justification

    with transaction.atomic():
        assert save("Typed.") == "Typed."
        transaction.set_rollback(True)
    assert save("Typed.") == "Typed."
    assert save("An echo.") == "Typed."
