"""The v0.0.38 codec on what Slurm 22.05.8 really sends, shortened by hand."""

from typing import Any

import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    AuthRejected,
    ExitInfo,
    JobState,
    NoAnswer,
    NotFound,
    Refused,
    SlurmError,
    Unavailable,
    VersionUnsupported,
)
from scheduler_bridge.slurm_rest_client.capabilities import capabilities_of
from scheduler_bridge.slurm_rest_client.codecs import codec_for
from scheduler_bridge.slurm_rest_client.transport import Reply
from tests.unit.slurm_client.replies import UNSPECIFIED, failed, raised, reply

CODEC = codec_for("v0.0.38")
NOTHING = {"error_number": 9003, "error": "Nothing found with query", "description": "Nothing found"}
NO_USER = {"description": "Missing required field 'user'", "source": "_parser_run"}


# --- submissions ---


@pytest.mark.parametrize(("code", "status"), [(2042, 200), (2015, 200), (2042, 500)])
def test_an_id_means_accepted_whatever_errors_say(code: int, status: int) -> None:
    answer = reply(
        {"job_id": 2, "step_id": "BATCH", "errors": [{"error_code": code, "error": "held"}]}, status, "submit"
    )
    submitted = CODEC.read_submitted(answer)
    assert submitted.job_id == 2
    assert submitted.errors[0].code == code


UNKNOWN_KEY = [{"description": 'Unknown key "gpu"'}, {"error_code": 9001, "error": "Failure during parsing"}]


@pytest.mark.parametrize(
    ("status", "errors", "kind", "code"),
    [
        (500, [{"error_code": 2045, "error": "Invalid account"}], Refused, 2045),
        (
            400,
            [{"error_code": 2127, "error": "environment must be set"}, {"error_code": 9001}],
            Refused,
            2127,
        ),
        (400, UNKNOWN_KEY, Refused, 9001),
        (500, [{"error_code": 1800, "error": "Unable to contact slurm controller"}], Unavailable, 1800),
        # A lost reply, or a refused token: the job may be there.
        (500, [{"error_code": 5005, "error": "Zero Bytes were transmitted or received"}], NoAnswer, 5005),
        (500, [{"error_code": -1, "error": "Unspecified error"}], NoAnswer, -1),
        (200, [], NoAnswer, 0),
    ],
)
def test_refused_submissions(
    status: int, errors: list[dict[str, Any]], kind: type[SlurmError], code: int
) -> None:
    error = raised(CODEC.read_submitted, reply({"errors": errors}, status, "submit"))
    assert (type(error), error.code) == (kind, code)
    assert error.maybe_done is (kind is NoAnswer)
    assert error.cause
    assert error.remedy


def test_malformed_json_is_answered_in_plain_text() -> None:
    error = raised(CODEC.read_submitted, Reply("submit", 400, b"Unable to parse query."))
    assert type(error) is Refused


@pytest.mark.parametrize("status", [404, 405])
def test_another_version_or_method_is_answered_in_plain_text(status: int) -> None:
    error = raised(CODEC.read_ping, Reply("ping", status, b"Unable find requested URL."))
    assert type(error) is (VersionUnsupported if status == 404 else Refused)


# --- live jobs ---


def live(**fields: Any) -> dict[str, Any]:
    job = {"job_id": 8, "job_state": "RUNNING", "name": "tq-1", "user_name": "u", "comment": "tq:1"}
    job |= {"array_job_id": 0, "array_task_id": None, "priority": 1, "exit_code": 0, "time_limit": 2}
    return job | {"submit_time": 100, "eligible_time": 100, "start_time": 110, "end_time": 230} | fields


def read_live(**fields: Any) -> Any:
    (job,) = CODEC.read_jobs(reply({"jobs": [live(**fields)]})).items
    return job


@pytest.mark.parametrize(
    ("word", "base", "flags"),
    [
        ("RUNNING", JobState.RUNNING, set()),
        ("OUT_OF_MEMORY", JobState.OUT_OF_MEMORY, set()),
        ("REQUEUED", JobState.PENDING, {"REQUEUED"}),
        ("CONFIGURING", JobState.RUNNING, {"CONFIGURING"}),
        # How it ended is not known yet: neither running nor ended may be claimed.
        ("COMPLETING", JobState.UNKNOWN, {"COMPLETING"}),
    ],
)
def test_one_word_is_base_state_or_flag(word: str, base: JobState, flags: set[str]) -> None:
    job = read_live(job_state=word)
    assert (job.state, set(job.flags)) == (base, flags)


@pytest.mark.parametrize(
    ("state", "status", "found"),
    [
        ("FAILED", 1792, ExitInfo(status="ERROR", return_code=7)),
        ("FAILED", 9, ExitInfo(status="SIGNALED", signal=9)),
        ("FAILED", 0x80 | 11, ExitInfo(status="SIGNALED", signal=11)),
        ("COMPLETED", 0, ExitInfo(status="SUCCESS", return_code=0)),
        # Before the end the field is 0 and means nothing.
        ("RUNNING", 0, ExitInfo()),
        ("PENDING", 0, ExitInfo()),
        ("FAILED", None, ExitInfo()),
    ],
)
def test_live_exit_is_a_raw_wait_status(state: str, status: int | None, found: ExitInfo) -> None:
    assert read_live(job_state=state, exit_code=status).exit == found


def test_held_is_priority_nought_while_pending() -> None:
    assert read_live(job_state="PENDING", priority=0).held is True
    assert read_live(job_state="PENDING", priority=1).held is False
    assert read_live(job_state="CANCELLED", priority=0).held is False


@pytest.mark.parametrize(
    ("path", "fields", "found"),
    [
        ("/tmp/o-%j.out", {}, "/tmp/o-8.out"),
        ("/home/%u/%x-%4j-%A-%%j", {}, "/home/u/tq-1-0008-8-%j"),
        ("%A_%a", {"array_job_id": 5, "array_task_id": 2}, "5_2"),
        ("o-%a-%N", {}, "o-%a-%N"),
        ("", {}, ""),
    ],
)
def test_patterns_of_paths_are_filled_in(path: str, fields: dict[str, Any], found: str) -> None:
    job = read_live(standard_output=path, standard_error=path, **fields)
    assert (job.stdout, job.stderr) == (found, found)


def test_gpus_of_a_pending_job_are_those_it_asks_for() -> None:
    asked = read_live(job_state="PENDING", tres_alloc_str="", tres_req_str="cpu=1,gres/gpu=2,gres/gpu:h100=2")
    assert asked.gpus == 2
    assert (asked.start_time, asked.expected_start_time, asked.end_time) == (None, 110, None)


def test_no_change_is_no_answer_and_an_empty_list_is_one() -> None:
    unchanged = CODEC.read_jobs(Reply("jobs", 304, b""))
    assert (unchanged.items, unchanged.complete) == ((), False)
    assert CODEC.read_jobs(reply({"jobs": []})).complete is True
    assert CODEC.read_jobs(reply({})).complete is False


def test_a_job_that_is_not_there() -> None:
    problem = {"error_number": 2017, "error": "Invalid job id specified", "description": "JobId=9"}
    assert isinstance(raised(CODEC.read_job, failed(problem, jobs=[])), NotFound)
    assert isinstance(raised(CODEC.read_cancelled, failed(problem, operation="cancel")), NotFound)


def test_an_error_of_an_update_can_come_with_200() -> None:
    problems = [{"description": 'Unknown key "x"'}, {"error_number": 9001, "error": "Failure during parsing"}]
    error = raised(CODEC.read_done, reply({"errors": problems}, 200, "update_job"))
    assert (type(error), error.code) == (Refused, 9001)
    CODEC.read_done(reply({}, 200, "update_job"))


# --- dead daemons and bad tokens ---


@pytest.mark.parametrize("read", [CODEC.read_jobs, CODEC.read_diag, CODEC.read_job])
def test_a_query_that_slurmctld_does_not_answer_did_nothing(read: Any) -> None:
    error = raised(read, failed(UNSPECIFIED, jobs=[]))
    assert (type(error), error.maybe_done) == (Unavailable, False)


@pytest.mark.parametrize("read", [CODEC.read_partitions, CODEC.read_nodes])
def test_partitions_and_nodes_call_the_number_errno(read: Any) -> None:
    error = raised(read, failed({"error": "Unspecified error", "errno": -1}))
    assert (type(error), error.code) == (Unavailable, -1)


@pytest.mark.parametrize("operation", ["cancel", "update_job", "write_account", "delete_association"])
def test_a_change_that_is_not_answered_may_be_done(operation: str) -> None:
    read = CODEC.read_deleted if operation == "delete_association" else CODEC.read_done
    error = raised(read, failed(UNSPECIFIED, operation=operation))
    assert (type(error), error.maybe_done) == (NoAnswer, True)
    lost = failed({"error_number": 5005, "error": "Zero Bytes"}, operation=operation)
    assert raised(read, lost).maybe_done is True


@pytest.mark.parametrize("status", [200, 500])
def test_slurmdb_tells_bad_tokens_and_its_own_absence_with_200_too(status: int) -> None:
    bad = failed({"error_number": 1007, "error": "Protocol authentication error"}, status)
    assert type(raised(CODEC.read_tres, bad)) is AuthRejected
    away = failed({"error_number": 7000, "error": "Unable to connect to database"}, status, jobs=[])
    assert type(raised(CODEC.read_accounting_jobs, away)) is Unavailable


def test_a_ping_that_fails_is_a_controller_that_is_down() -> None:
    up = CODEC.read_ping(reply({"pings": [{"hostname": "h", "ping": "UP", "mode": "primary"}]}))
    assert (up.up, up.release) == (True, "22.05.8")
    down = CODEC.read_ping(failed(UNSPECIFIED, operation="ping"))
    assert (down.up, down.release) == (False, "22.05.8")


# --- slurmdb ---


@pytest.mark.parametrize("status", [200, 500])
def test_nothing_found_is_an_empty_list(status: int) -> None:
    for read in (CODEC.read_accounting_jobs, CODEC.read_associations, CODEC.read_accounts, CODEC.read_users):
        found: Any = read(failed(NOTHING, status))
        assert (found.items, found.complete) == ((), True)


def run(**fields: Any) -> dict[str, Any]:
    time = {"submission": 100, "eligible": 100, "start": 110, "end": 130, "elapsed": 20, "limit": 2}
    exit_code = {"status": "SUCCESS", "return_code": 0}
    comment = {"administrator": None, "job": "tq:1", "system": None}
    state = {"current": "COMPLETED", "reason": "None"}
    array = {"job_id": 0, "task": None, "task_id": None}
    row = {"job_id": 8, "state": state, "time": time, "exit_code": exit_code, "comment": comment}
    return row | {"cluster": "c", "array": array, "nodes": "dv01"} | fields


def read_run(**fields: Any) -> Any:
    (found,) = CODEC.read_accounting_jobs(reply({"jobs": [run(**fields)]})).items
    return found


SIGNALED = {"status": "SIGNALED", "return_code": None, "signal": {"signal_id": 9, "name": "Killed"}}


@pytest.mark.parametrize(
    ("state", "exit_code", "found"),
    [
        ("COMPLETED", {"status": "SUCCESS", "return_code": 0}, ExitInfo(status="SUCCESS", return_code=0)),
        # Exit 7, as slurmdb tells it: believed, it would be a success.
        ("FAILED", {"status": "SUCCESS", "return_code": 0}, ExitInfo()),
        ("CANCELLED", {"status": "SUCCESS", "return_code": 0}, ExitInfo()),
        ("FAILED", SIGNALED, ExitInfo(status="SIGNALED", signal=9)),
        ("FAILED", None, ExitInfo()),
    ],
)
def test_recorded_exit_codes_are_not_believed(state: str, exit_code: Any, found: ExitInfo) -> None:
    row = read_run(state={"current": state, "reason": "None"}, exit_code=exit_code)
    assert row.exit == found
    assert row.state == state


def test_a_requeued_run_is_final_and_stands_beside_the_next() -> None:
    first = run(state={"current": "REQUEUED", "reason": "None"})
    again = {"submission": 130, "eligible": 250, "start": 0, "end": 0, "elapsed": 0, "limit": 2}
    second = run(
        state={"current": "PENDING", "reason": "BeginTime"},
        time=again,
        comment={"administrator": None, "job": None, "system": None},
        nodes="None assigned",
    )
    ended, waiting = CODEC.read_accounting_jobs(reply({"jobs": [first, second]})).items
    assert (ended.state, ended.is_final, ended.elapsed_s) == (JobState.PENDING, True, 20)
    assert ended.flags == {"REQUEUED"}
    assert (waiting.is_final, waiting.start_time, waiting.nodes, waiting.comment) == (False, None, "", "")


def test_counts_that_are_null_and_gpus_counted_once() -> None:
    allocated = [
        {"type": "energy", "name": None, "count": None},
        {"type": "gres", "name": "gpu", "count": 2},
        {"type": "gres", "name": "gpu:h100", "count": 2},
    ]
    row = read_run(tres={"allocated": allocated, "requested": allocated})
    assert (row.gpus, row.gpus_requested, row.gpu_seconds) == (2, 2, 40)
    assert row.comment == "tq:1"


def test_an_array_task() -> None:
    row = read_run(job_id=15, array={"job_id": 11, "task": None, "task_id": 1})
    assert (row.array_job_id, row.array_task_id) == (11, 1)


def test_qos_stand_under_capitals() -> None:
    assert CODEC.read_qos(reply({"QOS": [{"name": "normal", "id": 1}]})).items == ("normal",)
    assert CODEC.read_qos(reply({"qos": [{"name": "normal"}]})).complete is False


def test_an_association_as_22_05_writes_it() -> None:
    gpu = [{"type": "gres", "name": "gpu", "id": 1001, "count": 9}]
    per = {"count": None, "accruing": None, "submitted": None, "wall_clock": 77}
    row = {
        "account": "a",
        "cluster": "c",
        "user": None,
        "parent_account": "root",
        "partition": None,
        "is_default": 0,
        "qos": ["normal"],
        "max": {
            "jobs": {"per": per, "active": 0, "accruing": None, "total": None},
            "tres": {
                "total": [],
                "minutes": {"per": {"job": []}, "total": gpu},
                "group": {"minutes": gpu, "active": []},
                "per": {"job": [], "node": gpu},
            },
        },
    }
    (found,) = CODEC.read_associations(reply({"associations": [row]})).items
    assert (found.user, found.parent, found.is_default, found.qos) == ("", "root", False, ("normal",))
    assert found.limits == AssociationLimits(
        group_tres_minutes={GPU: 9},
        tres_per_node={GPU: 9},
        tres_running_minutes={GPU: 9},
        wall_minutes_per_job=77,
        max_active_jobs=0,
    )


def test_the_missing_user_of_an_account_is_no_error() -> None:
    CODEC.read_done(failed(NO_USER, 200, "write_association"))
    for operation, problems, status in (
        ("write_user", [NO_USER], 200),
        ("write_association", [NO_USER], 500),
        ("write_association", [NO_USER, {"error_number": 7000}], 200),
        ("write_association", [{"description": "Missing required field 'cluster'"}], 200),
    ):
        with pytest.raises(SlurmError):
            CODEC.read_done(reply({"errors": problems}, status, operation))


def test_nodes_and_partitions() -> None:
    node = {"name": "dv01", "state": "idle", "state_flags": ["DRAIN"], "gres": "gpu:h100:8", "cpus": 64}
    (found,) = CODEC.read_nodes(reply({"nodes": [node]})).items
    assert (found.states, found.gpus, found.gpu_type) == ({"IDLE", "DRAIN"}, 8, "h100")
    row = {"name": "gpu", "state": "UP", "nodes": "dv[01-02]", "total_nodes": 2, "total_cpus": 128}
    row |= {"max_time_limit": None, "tres": "cpu=128,gres/gpu=16"}
    up, down = CODEC.read_partitions(reply({"partitions": [row, row | {"state": "DOWN"}]})).items
    assert (up.up, up.cpus, up.node_count, up.max_time_minutes, up.tres[GPU]) == (True, 128, 2, None, 16)
    assert down.up is False


def test_what_the_version_can() -> None:
    old, new = capabilities_of("v0.0.38"), capabilities_of("v0.0.42")
    differing = {name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)}
    assert differing == {
        "version",
        "has_job_states",
        "has_shares_usage",
        "account_limits_change_in_place",
        "truthful_accounting_flags",
        "truthful_exit_codes",
        "tells_bad_tokens",
        "refuses_what_never_fits",
    }
    assert old.complete_accounting
    assert not capabilities_of("v0.0.40").complete_accounting
