"""What people are told about their jobs: reasons in plain words, and the notice at the end."""

from pathlib import Path

import pytest

import scheduler_bridge
from portal.foundation import clock
from portal.foundation.services.outbox import drain
from portal.notices.models import Notice
from scheduler_bridge.jobs.notices import SUBJECTS
from scheduler_bridge.jobs.reasons import OWN_REASONS, explain
from scheduler_bridge.jobs.story import NEXT_STEPS, TONES, timeline
from scheduler_bridge.transitions import ENDS, AttemptOutcome, JobState
from tests.bridge_stage import Stage


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("Resources", "waits until enough"),
        ("Priority", "higher priority"),
        ("AssocGrpGRESMinutes", "What is left of the budget"),
        ("AssocGrpCPUMinutesLimit", "What is left of the budget"),
        ("AssocGrpGRESRunMinutes", "could use up"),
        ("AssocGrpGRES", "uses as much at once"),
        ("AssocGrpJobsLimit", "uses as much at once"),
        ("AssocMaxJobsLimit", "or it is suspended"),
        ("AssocMaxGRESPerJob", "more than one job"),
        ("QOSGrpGRES", "quality of service together"),
        ("QOSMaxGRESPerUser", "beyond the site's quality"),
        ("JobHeldUser", "held by its owner"),
        ("BadConstraints", "can ever offer"),
        ("(ReqNodeNotAvail, UnavailableNodes:ned01)", "down, drained or reserved"),
        ("NonZeroExitCode", "ended with an error"),
        ("SomethingNew", "doesn't know"),
    ],
)
def test_slurms_reasons(reason, part):
    told = explain(reason)
    assert part in str(told.text)
    assert str(told.remedy)
    assert told.words == reason


def test_no_reason_is_none():
    assert explain("") is None


def test_what_the_bridge_says_itself_is_told_as_it_is():
    told = explain("The worker that sent it fell silent.")
    assert (told.text, told.words) == ("The worker that sent it fell silent.", "")


def test_the_catalogue_of_own_reasons_is_what_the_bridge_writes():
    package = Path(scheduler_bridge.__file__).parent
    code = "\n".join(path.read_text() for path in package.rglob("*.py") if path.name != "reasons.py")
    assert [reason for reason in OWN_REASONS if reason not in code] == []


def test_every_state_and_outcome_has_its_words():
    assert set(NEXT_STEPS) == set(JobState)
    assert set(TONES) == set(AttemptOutcome)
    assert set(SUBJECTS) == {*ENDS, "refused", "rejected"}


def test_the_submitter_is_told_of_the_end_once(stage: Stage):
    job = stage.submit(actor=stage.cast.member)
    stage.drain()
    stage.advance(61)
    stage.follow()
    job.refresh_from_db()
    assert job.state == "completed"
    while drain():
        pass
    (notice,) = Notice.objects.filter(kind="job_completed")
    assert notice.user == stage.cast.member
    assert notice.title == "Your job “Training” has completed"
    assert notice.url == job.get_absolute_url()
    assert "Ned" in notice.text


def test_the_timeline_tells_each_attempt_in_words(stage: Stage):
    job = stage.submit()
    for outcome, answer in (("unclear", "Timed out."), ("accepted", "")):
        job.attempts.create(
            login=job.login,
            slurm_account="tq",
            token_expires_at=clock.now(),
            outcome=outcome,
            answer=answer,
            slurm_job_id=7,
        )
    told = [(str(event["title"]), str(event["text"])) for event in timeline(job)]
    assert told[0] == ("Sent to the site, attempt 2", "The site took it as Slurm job 7.")
    assert told[1][0] == "Sent to the site"
    assert told[1][1].endswith("never sent again on a guess.\nTimed out.")
    assert told[-1][0] == "Sent to the portal; the budget is held"
