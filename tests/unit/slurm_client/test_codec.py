"""The v0.0.42 codec on odd replies: what Slurm really sends, and worse."""

import json
from typing import Any

import msgspec
import pytest

from scheduler_bridge.slurm_rest_client import (
    AssociationLimits,
    AuthRejected,
    Explanation,
    JobSpec,
    JobState,
    NoAnswer,
    NotFound,
    Refused,
    SlurmError,
    Unavailable,
    VersionUnsupported,
    explain,
)
from scheduler_bridge.slurm_rest_client.codecs import SUPPORTED, codec_for
from scheduler_bridge.slurm_rest_client.codecs.base import gpus_in, parse_tres
from scheduler_bridge.slurm_rest_client.errors import Problem, error_for
from scheduler_bridge.slurm_rest_client.explanations import EXPLANATIONS
from scheduler_bridge.slurm_rest_client.models import Association
from scheduler_bridge.slurm_rest_client.transport import Reply

CODEC = codec_for("v0.0.42")
SPEC = JobSpec(name="n", account="a", partition="p", cwd="/", script="#!/bin/sh\n", time_limit_minutes=90)


def reply(body: Any, status: int = 200) -> Reply:
    return Reply("test", status, json.dumps(body).encode())


def sent(spec: JobSpec) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(CODEC.submit(spec).body or b"")["job"]
    return job


def test_gpus_go_by_tres_per_job() -> None:
    """A `gres` field would be ignored and the job would run without a GPU."""
    job = sent(msgspec.structs.replace(SPEC, gpus=2, gpu_type="h100", memory_mb=2000))
    assert job["tres_per_job"] == "gres/gpu:h100=2"
    assert "gres" not in job
    assert job["time_limit"] == {"set": True, "infinite": False, "number": 90}
    assert job["memory_per_node"]["number"] == 2000
    assert sent(msgspec.structs.replace(SPEC, gpus=1))["tres_per_job"] == "gres/gpu=1"
    assert "tres_per_job" not in sent(SPEC)


@pytest.mark.parametrize("status", [200, 500])
def test_an_id_means_accepted_whatever_else_is_said(status: int) -> None:
    body = {"job_id": 7, "errors": [{"error_number": 2042, "error": "Job is held"}], "warnings": None}
    submitted = CODEC.read_submitted(reply(body, status))
    assert submitted.job_id == 7
    assert submitted.errors[0].code == 2042


@pytest.mark.parametrize("body", [{}, {"job_id": 0}, {"job_id": None, "errors": []}])
def test_no_id_and_no_error_is_no_answer(body: dict[str, Any]) -> None:
    with pytest.raises(NoAnswer):
        CODEC.read_submitted(reply(body))


def live(**fields: Any) -> dict[str, Any]:
    return {"job_id": 1, "job_state": ["RUNNING"]} | fields


def test_one_odd_job_does_not_hide_the_others() -> None:
    jobs = [live(), live(job_id=2, submit_time="yesterday"), {"name": "no id"}, 7, live(job_id=3)]
    found = CODEC.read_jobs(reply({"jobs": jobs}))
    assert [job.job_id for job in found] == [1, 3]
    assert found.complete is False
    assert len(found.odd) == 3
    assert "job_id 2" in found.odd[0]


def test_every_field_may_be_null_or_missing_or_unknown() -> None:
    names = CODEC.read_jobs(reply({"jobs": [live()]})).items[0].__struct_fields__
    nulls = dict.fromkeys(("name", "user_name", "job_resources", "submit_time", "exit_code", "comment"))
    found = CODEC.read_jobs(reply({"jobs": [live(), live(**nulls), live(invented={"x": [1]})], "other": 1}))
    assert found.complete
    assert len(found) == 3
    assert names


@pytest.mark.parametrize(
    ("states", "base", "flags"),
    [
        (["RUNNING"], JobState.RUNNING, set()),
        (["COMPLETED", "COMPLETING"], JobState.COMPLETED, {"COMPLETING"}),
        (["PENDING", "REQUEUED"], JobState.PENDING, {"REQUEUED"}),
        (["EXPEDITING"], JobState.UNKNOWN, {"EXPEDITING"}),
        ([], JobState.UNKNOWN, set()),
    ],
)
def test_states(states: list[str], base: JobState, flags: set[str]) -> None:
    job = CODEC.read_jobs(reply({"jobs": [live(job_state=states)]})).items[0]
    assert (job.state, set(job.flags)) == (base, flags)


def test_guessed_times_are_kept_apart() -> None:
    number = {"set": True, "infinite": False, "number": 1_800_000_000}
    pending, running = CODEC.read_jobs(
        reply(
            {
                "jobs": [
                    live(job_state=["PENDING"], start_time=number, end_time=number),
                    live(start_time=number, end_time=number),
                ]
            }
        )
    ).items
    assert (pending.start_time, pending.expected_start_time, pending.end_time) == (None, 1_800_000_000, None)
    assert (running.start_time, running.expected_start_time, running.end_time) == (1_800_000_000, None, None)


def run(**fields: Any) -> dict[str, Any]:
    time = {"submission": 100, "eligible": 100, "start": 110, "end": 130, "elapsed": 20}
    return {"job_id": 1, "state": {"current": ["COMPLETED"]}, "time": time} | fields


def tres(*rows: tuple[str, str, int | None]) -> dict[str, Any]:
    return {"allocated": [{"type": kind, "name": name, "count": count} for kind, name, count in rows]}


@pytest.mark.parametrize(
    ("rows", "gpus"),
    [
        ([("gres", "gpu", 2), ("gres", "gpu:h100", 2)], 2),
        ([("gres", "gpu:h100", 2)], 0),
        ([("gres", "gpu", None)], 0),
        ([("gres", "gpu", -2)], 0),
        ([("cpu", "", 4)], 0),
        ([], 0),
    ],
)
def test_only_the_untyped_gpu_counts(rows: list[tuple[str, str, int | None]], gpus: int) -> None:
    (found,) = CODEC.read_accounting_jobs(reply({"jobs": [run(tres=tres(*rows))]})).items
    assert found.gpus == gpus
    assert found.gpu_seconds == gpus * 20


def test_a_run_that_never_started() -> None:
    time = {"submission": 100, "eligible": 0, "start": 4294967294, "end": 130, "elapsed": 0}
    (found,) = CODEC.read_accounting_jobs(reply({"jobs": [run(time=time)]})).items
    assert (found.start_time, found.eligible_time, found.end_time) == (None, None, 130)


@pytest.mark.parametrize(
    ("states", "end", "final"),
    [
        (["COMPLETED"], 130, True),
        (["PENDING", "REQUEUED"], 130, True),
        (["PENDING"], 0, False),
        (["RUNNING"], 0, False),
        (["COMPLETED"], 0, False),
    ],
)
def test_when_a_run_is_final(states: list[str], end: int, final: bool) -> None:
    time = {"submission": 100, "start": 110, "end": end, "elapsed": 20}
    (found,) = CODEC.read_accounting_jobs(reply({"jobs": [run(state={"current": states}, time=time)]})).items
    assert found.is_final is final


def test_a_run_without_its_key_is_odd() -> None:
    found = CODEC.read_accounting_jobs(reply({"jobs": [run(time={"start": 1})]}))
    assert (found.items, found.complete) == ((), False)
    assert "submission" in found.odd[0]


@pytest.mark.parametrize("comment", [{"job": "tq:1", "system": ""}, "tq:1"])
def test_comments_in_both_shapes(comment: object) -> None:
    (found,) = CODEC.read_accounting_jobs(reply({"jobs": [run(comment=comment)]})).items
    assert found.comment == "tq:1"


@pytest.mark.parametrize(
    ("raw", "complete"),
    [
        (reply({"jobs": [], "warnings": []}), True),
        (reply({"jobs": [], "warnings": [{"description": "slurmdb_jobs_get(0x1) found nothing"}]}), True),
        (reply({"jobs": [], "warnings": [{"description": "No job changes since update_time"}]}), False),
        (reply({"jobs": None}), False),
        (reply({}), False),
        (Reply("jobs", 304, b""), False),
    ],
)
def test_no_jobs_and_no_answer_are_two_things(raw: Reply, complete: bool) -> None:
    for read in (CODEC.read_jobs, CODEC.read_accounting_jobs, CODEC.read_job_states):
        found = read(raw)
        assert (found.items, found.complete) == ((), complete)


def test_every_limit_is_always_sent() -> None:
    wanted = Association(
        cluster="c", account="a", limits=AssociationLimits(group_tres_minutes={"gres/gpu": 60})
    )
    (row,) = json.loads(CODEC.write_association(wanted).body or b"")["associations"]
    infinite = {"set": False, "infinite": True, "number": 0}
    assert row["user"] is None
    assert row["parent_account"] == "root"
    assert row["max"] == {
        "jobs": {"active": infinite, "total": infinite, "per": {"wall_clock": infinite}},
        "tres": {
            "total": [],
            "group": {"minutes": [{"type": "gres", "name": "gpu", "count": 60}], "active": []},
            "minutes": {"per": {"job": []}, "total": []},
            "per": {"job": [], "node": []},
        },
    }


def test_nought_is_a_limit_and_not_no_limit() -> None:
    wanted = Association(cluster="c", account="a", limits=AssociationLimits(max_submit_jobs=0))
    (row,) = json.loads(CODEC.write_association(wanted).body or b"")["associations"]
    assert row["max"]["jobs"]["total"] == {"set": True, "infinite": False, "number": 0}


def test_tres_text() -> None:
    assert parse_tres("cpu=4,mem=2000M,node=1,gres/gpu=2,gres/gpu:h100=2,odd,x=y") == {
        "cpu": 4,
        "mem": 2000,
        "node": 1,
        "gres/gpu": 2,
        "gres/gpu:h100": 2,
    }
    assert parse_tres("mem=1.50G") == {"mem": 1536}
    assert gpus_in(parse_tres("gres/gpu:h100=2,gres/gpu:a100=1")) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (511, 1007, AuthRejected),
        (500, 1007, AuthRejected),
        (401, 0, AuthRejected),
        (500, 2045, Refused),
        (200, 2045, Refused),
        (422, 9000, Refused),
        (500, 7001, Refused),
        (404, 2017, NotFound),
        (502, 1800, Unavailable),
        (502, 7000, Unavailable),
        (500, 5005, NoAnswer),
        (500, -1, NoAnswer),
        (500, 1802, NoAnswer),
        (500, 13, NoAnswer),
        (503, 0, NoAnswer),
        (404, 0, VersionUnsupported),
    ],
)
def test_sorting_of_errors(status: int, code: int, kind: type[SlurmError]) -> None:
    error = error_for("submit", status, [Problem(code=code, message="words")] if code else [])
    assert type(error) is kind
    assert error is not None
    assert error.maybe_done is (kind is NoAnswer)
    assert error.cause
    assert error.remedy


def test_a_clean_answer_is_no_error() -> None:
    assert error_for("submit", 200, []) is None


def test_explanations_are_whole_sentences() -> None:
    assert explain(2045) is not None
    assert explain(123456) is None
    for code, words in EXPLANATIONS.items():
        assert isinstance(words, Explanation), code
        assert all(text.endswith(".") and text[0].isupper() for text in (words.cause, words.remedy)), code
        assert words.who in ("person", "site", "portal"), code


def test_versions() -> None:
    assert [codec_for(version).version for version in SUPPORTED] == list(SUPPORTED)
    assert (SUPPORTED[0], SUPPORTED[-1]) == ("v0.0.42", "v0.0.38")
    assert codec_for("v0.0.44").submit(SPEC).path == "/slurm/v0.0.44/job/submit"
    for unknown in ("v0.0.37", "v0.0.39", "v0.0.99"):
        with pytest.raises(VersionUnsupported):
            codec_for(unknown)
    with pytest.raises(ValueError, match=r"v0\.0\.42"):
        codec_for("42")


def test_flags_by_capability() -> None:
    def flags(version: str) -> set[str]:
        request = codec_for(version).accounting_jobs("c", 1, 2, job_name=None, user=None, account=None)
        return set(request.query)

    truthful = {"show_duplicates", "disable_truncate_usage_time"}
    assert truthful <= flags("v0.0.42")
    assert not truthful & flags("v0.0.40")


def test_names_are_quoted_in_paths() -> None:
    assert CODEC.account("a/../b?x").path == "/slurmdb/v0.0.42/account/a%2F..%2Fb%3Fx"
