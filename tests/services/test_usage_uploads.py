"""Unbridged sites: allocations without Slurm, keys, and what uploaded rows do to ledger and usage."""

import base64
from datetime import timedelta

import pytest
from django.http import QueryDict

from allocations.awards.models import Allocation
from allocations.projects.services.members import member_leave
from allocations.reports.answer import Answer
from allocations.reports.question import read as question
from allocations.reports.scope import scope_of
from allocations.usage.models import UsageRecord
from allocations.usage.verification import first_difference
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, SecondFactorNeeded
from portal.foundation.models import AuditRow
from scheduler_bridge import tasks
from scheduler_bridge.jobs.services import job_submit
from scheduler_bridge.models import ProvisioningRun, SiteLogin, UploadedRun, UsageUpload
from scheduler_bridge.placement.rules import Size
from scheduler_bridge.uploads.keys import usage_key_register, usage_key_revoke
from scheduler_bridge.uploads.services import usage_accept, usage_discard, verdict_of
from scheduler_bridge.uploads.table import VERSION
from tests.cast import site
from tests.uploading import Away, new_key
from tests.using import allocated

HOUR = 3600


def accept(away: Away, *rows, **options) -> UsageUpload:
    upload = away.upload(*rows)
    return usage_accept(actor=away.cast.site_manager, upload=upload, **options)


def stamp(moment) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


# --- Without Slurm ---------------------------------------------------------------------------------
def test_an_award_is_active_without_slurm(away: Away):
    assert away.allocation.state == "active"
    run = ProvisioningRun.objects.get()
    assert (run.error, run.actions) == ("", ["active without Slurm"])


def test_an_award_that_nobody_was_woken_for_is_found(away: Away, monkeypatch):
    Allocation.objects.create(
        project=away.cast.project,
        resource=away.cast.resource,
        starts_on=clock.today(),
        ends_on=clock.today(),
    )
    monkeypatch.setattr(tasks.provision, "apply_async", lambda args, **options: tasks.provision(*args))
    tasks.provision_waiting()
    assert set(Allocation.objects.values_list("state", flat=True)) == {"active"}


def test_jobs_arent_sent_there(away: Away):
    size = Size(gpus=1, cpus=1, memory_mb=1000, wall_minutes=10)
    with pytest.raises(Refused) as refusal:
        job_submit(actor=away.cast.pi, allocation=away.allocation, title="T", script="#!/bin/sh\n", size=size)
    assert refusal.value.code == "unbridged"
    assert "Run them at the site" in refusal.value.text


# --- Signatures --------------------------------------------------------------------------------------
def test_a_changed_byte_or_another_sites_key_breaks_the_signature(away: Away):
    content = away.table(away.row())
    signature = away.sign(content)
    for wrong_content, wrong_signature in (
        (content.replace(b"\n", b"\r\n"), signature),
        (content, signature[:-1] + bytes([signature[-1] ^ 1])),
        (content, b"short"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            away.upload(content=wrong_content, signature=wrong_signature)
        assert refusal.value.field == "signature"
    new_key(away.folder / "stranger.pem")
    with pytest.raises(InvalidInput):
        away.upload(content=content, signature=away.sign(content, "stranger.pem"))
    assert not UsageUpload.objects.exists()
    assert away.upload(content=content, signature=base64.encodebytes(signature)).rows == 1


# --- Charging ------------------------------------------------------------------------------------------
def test_good_rows_are_charged_kept_and_reported_like_others(away: Away):
    cast = away.cast
    SiteLogin.objects.create(user=cast.member, site=cast.site, login="khan")
    upload = accept(
        away,
        away.row("run-1"),
        away.row("run-2", person="khan", gpus=1, state="failed"),
        away.row("run-3", person="stranger", gpus=4),
    )
    assert (upload.new, upload.changed, upload.known, upload.wrong) == (3, 0, 0, 0)
    assert upload.gpu_seconds == 7 * HOUR
    assert (away.balances.spent, away.balances.available) == (7 * HOUR, 93 * HOUR)
    records = UsageRecord.objects.order_by("id")
    assert [(r.user, r.login, r.gpu_seconds, r.state) for r in records] == [
        (cast.pi, "", 2 * HOUR, "completed"),
        (cast.member, "khan", HOUR, "failed"),
        (None, "stranger", 4 * HOUR, "completed"),
    ]
    assert first_difference() is None
    audit = AuditRow.objects.get(action="usage_accept")
    assert (audit.object_code, audit.after["sha256"]) == (upload.code, upload.sha256)
    day = clock.day_of(records[0].started_at)
    asked = question(QueryDict(f"from={day}&to={clock.today()}"), scope_of(cast.admin.fresh()))
    assert Answer(asked).totals()["gpu_seconds"] == 7 * HOUR


def test_a_row_uploaded_twice_is_charged_once(away: Away):
    row = away.row()
    accept(away, row)
    again = accept(away, row, away.row("run-2"))
    assert (again.new, again.known, again.gpu_seconds) == (1, 1, 2 * HOUR)
    assert accept(away, row).gpu_seconds == 0
    assert away.balances.spent == 4 * HOUR
    assert UploadedRun.objects.count() == 2


def test_a_changed_row_posts_the_difference(away: Away):
    row = away.row()
    end = clock.now().replace(microsecond=0) - timedelta(minutes=30)
    start = end - timedelta(hours=2)
    row = away.row(started_at=stamp(start), ended_at=stamp(end))
    accept(away, row)
    for changes, hours in (
        ({"ended_at": stamp(end - timedelta(hours=1))}, 2),
        ({"ended_at": stamp(start)}, 0),
        ({"gpus": 3}, 6),
        ({"gpus": 4}, 8),
    ):
        upload = accept(away, row | {name: str(value) for name, value in changes.items()})
        assert upload.changed == 1
        assert away.balances.spent == hours * HOUR
        assert UploadedRun.objects.get().gpu_seconds == hours * HOUR
        assert first_difference() is None


def test_a_table_that_was_charged_doesnt_undo_what_was_corrected_since(away: Away):
    row = away.row()
    accept(away, row)
    accept(away, row | {"gpus": "3"})
    assert away.balances.spent == 3 * HOUR
    with pytest.raises(IllegalState) as refusal:
        accept(away, row)
    assert "present figures" in refusal.value.remedy
    assert away.balances.spent == 3 * HOUR
    assert accept(away, row, away.row("run-2")).changed == 1, "signed anew, the smaller figure counts"
    assert away.balances.spent == 4 * HOUR


def test_the_same_table_again_takes_the_rows_that_were_wrong(away: Away):
    rows = away.row(), away.row("run-2", person="late@example.pk")
    assert accept(away, *rows, leave_wrong=True).wrong == 1
    away.cast.member.email = "late@example.pk"
    away.cast.member.save()
    again = accept(away, *rows)
    assert (again.new, again.known, away.balances.spent) == (1, 1, 4 * HOUR)


def test_a_run_of_no_length_may_turn_out_to_have_used_something(away: Away):
    row = away.row()
    accept(away, row | {"ended_at": row["started_at"]})
    assert away.balances.spent == 0
    accept(away, row)
    assert away.balances.spent == 2 * HOUR
    assert first_difference() is None


def test_more_than_the_budget_is_charged_all_the_same(away: Away):
    start = clock.now().replace(microsecond=0) - timedelta(hours=10)
    accept(away, away.row(gpus=16, started_at=stamp(start)))
    assert away.balances.available == 0
    assert away.balances.overrun > 0


# --- Wrong rows -----------------------------------------------------------------------------------------
def test_wrong_rows_are_named_and_left_only_by_choice(away: Away):
    cast = away.cast
    other = allocated(cast.project, site("uet"), by=cast.council)
    now = clock.now().replace(microsecond=0)
    before = clock.midnight(away.allocation.starts_on) - timedelta(hours=5)
    rows = [
        away.row("good-1"),
        away.row("unknown", allocation="alc-nonesuch"),
        away.row("elsewhere", allocation=other.code),
        away.row("early", started_at=stamp(before)),
        away.row("future", ended_at=stamp(now + timedelta(hours=1))),
        away.row("backwards", ended_at=stamp(now - timedelta(hours=5))),
        away.row("many", gpus=17),
        away.row("none", gpus=0),
        away.row("nobody", person="nobody@example.pk"),
        away.row("odd", person="a b", state="paused"),
        away.row("good-1"),
        away.row("local", started_at="2026-11-23 08:00"),
        away.row("far", started_at="9999-12-31T23:00:00Z", ended_at="9999-12-31T23:59:59Z"),
        away.row("good-2"),
    ]
    upload = away.upload(*rows)
    verdict = verdict_of(upload)
    named = [(fault.row, fault.run_id, fault.column) for fault in verdict.faults]
    assert named == [
        (4, "unknown", "allocation"),
        (5, "elsewhere", "allocation"),
        (6, "early", "started_at"),
        (7, "future", "ended_at"),
        (8, "backwards", "ended_at"),
        (9, "many", "gpus"),
        (10, "none", "gpus"),
        (11, "nobody", "person"),
        (12, "odd", "state"),
        (13, "good-1", "run_id"),
        (14, "local", "started_at"),
        (15, "far", "started_at"),
        (15, "far", "ended_at"),
    ]
    assert all(fault.message and fault.remedy for fault in verdict.faults)
    with pytest.raises(InvalidInput) as refusal:
        usage_accept(actor=cast.site_manager, upload=upload)
    assert refusal.value.field == "leave_wrong"
    assert refusal.value.figures == {"good": 2, "wrong": 12}
    assert away.balances.spent == 0
    done = usage_accept(actor=cast.site_manager, upload=upload, leave_wrong=True, mark=verdict.mark)
    assert (done.new, done.wrong, len(done.faults)) == (2, 12, 13)
    assert away.balances.spent == 4 * HOUR
    assert set(UploadedRun.objects.values_list("run_id", flat=True)) == {"good-1", "good-2"}


def test_only_the_sites_own_people_are_known_by_address(away: Away):
    cast = away.cast
    rows = [
        away.row(name, person=getattr(cast, name).email.upper())
        for name in ("pi", "member", "colleague", "outsider", "auditor")
    ]
    rows.append(away.row("nobody", person="nobody@example.pk"))
    SiteLogin.objects.create(user=cast.outsider, site=cast.site, login="indus", state="proposed")
    SiteLogin.objects.create(user=cast.auditor, site=site("uet").site, login="audit")

    def refused() -> dict[str, str]:
        return {fault.run_id: fault.message for fault in verdict_of(upload).faults}

    upload = away.upload(*rows)
    assert set(refused()) == {"colleague", "outsider", "auditor", "nobody"}
    assert len({message.partition("“")[0] for message in refused().values()}) == 1, "all are told the same"
    SiteLogin.objects.create(user=cast.colleague, site=cast.site, login="colleague")
    member_leave(actor=cast.member, project=cast.project)
    assert set(refused()) == {"outsider", "auditor", "nobody"}


@pytest.mark.parametrize("column", ["allocation", "person", "started_at", "state"])
def test_what_was_charged_isnt_moved(away: Away, column):
    cast = away.cast
    row = away.row()
    accept(away, row)
    second = allocated(cast.project, cast.resource, by=cast.council)
    Allocation.objects.filter(pk=second.pk).update(starts_on=clock.today() - timedelta(days=1))
    other = {
        "allocation": second.code,
        "person": cast.member.email,
        "started_at": stamp(clock.now() - timedelta(hours=3)),
        "state": "failed",
    }
    faults = verdict_of(away.upload(row | {column: other[column]})).faults
    assert [(fault.row, fault.column) for fault in faults] == [(3, column)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"run_id,allocation\n",
        b"\xff\xfe\x00",
        f"{VERSION}\nrun_id,allocation,person,gpus,started_at,ended_at,state\nr\0".encode(),
        b"# taqseem-usage v2\nrun_id\n",
        f"{VERSION}\nrun_id,allocation,person\na,b,c\n".encode(),
        f"{VERSION}\nrun_id,allocation,person,gpus,started_at,ended_at,state,colour\na\n".encode(),
        f"{VERSION}\nrun_id,allocation,person,gpus,started_at,ended_at,state\n".encode(),
        f'{VERSION}\nrun_id,allocation,person,gpus,started_at,ended_at,state\n"open\n'.encode(),
        VERSION.encode() + b"x" * (2 * 1024 * 1024),
    ],
)
def test_what_is_no_such_table(away: Away, content):
    with pytest.raises(InvalidInput) as refusal:
        away.upload(content=content or b"\n")
    assert refusal.value.field == "content"
    assert refusal.value.remedy
    assert not UsageUpload.objects.exists()


def test_a_table_without_a_good_row_is_discarded_not_accepted(away: Away):
    upload = away.upload(away.row(gpus=0))
    with pytest.raises(Refused):
        usage_accept(actor=away.cast.site_manager, upload=upload, leave_wrong=True)
    assert usage_discard(actor=away.cast.site_manager, upload=upload).state == "discarded"
    with pytest.raises(IllegalState):
        usage_accept(actor=away.cast.site_manager, upload=upload)


def test_what_was_looked_at_is_what_is_accepted(away: Away):
    first, second = away.upload(away.row()), away.upload(away.row(), away.row("run-2"))
    mark = verdict_of(second).mark
    usage_accept(actor=away.cast.site_manager, upload=first)
    with pytest.raises(IllegalState):
        usage_accept(actor=away.cast.site_manager, upload=second, mark=mark)
    assert away.balances.spent == 2 * HOUR
    # The same table, while it waits, is kept once.
    assert away.upload(content=bytes(UsageUpload.objects.get(pk=second.pk).content)) == second


# --- Who may ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["pi", "member", "auditor", "council", "outsider"])
def test_nobody_else(away: Away, who):
    actor, upload = getattr(away.cast, who), away.upload(away.row())
    public = new_key(away.folder / "other.pem")
    for refused in (
        lambda: usage_key_register(actor=actor, site=away.cast.site, name="X", public_key=public),
        lambda: usage_key_revoke(actor=actor, key=away.key, reason="X"),
        lambda: away.upload(away.row("other"), actor=actor),
        lambda: usage_accept(actor=actor, upload=upload),
        lambda: usage_discard(actor=actor, upload=upload),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert away.balances.spent == 0


def test_a_second_factor_is_asked_for(away: Away, settings):
    upload = away.upload(away.row())
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        usage_accept(actor=away.cast.site_manager, upload=upload)


def test_a_bridged_site_uploads_nothing(away: Away):
    bridged = site("uet").site
    with pytest.raises(IllegalState) as refusal:
        away.upload(away.row(), site=bridged, actor=away.cast.admin)
    assert refusal.value.field == "site"


def test_many_rows_in_few_queries(away: Away, django_assert_max_num_queries):
    upload = away.upload(*(away.row(f"run-{n}", gpus=1) for n in range(2500)))
    with django_assert_max_num_queries(10):
        verdict = verdict_of(upload)
    assert len(verdict.new) == 2500
    with django_assert_max_num_queries(70):
        usage_accept(actor=away.cast.site_manager, upload=upload)
    assert away.balances.spent == 2500 * HOUR
    assert first_difference() is None
