"""Each line of the preflight, passing and failing; what real Slurm shows of it is in tests/fault."""

import re
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from portal.foundation.errors import InvalidInput
from scheduler_bridge.sites.preflight import config
from scheduler_bridge.sites.preflight.catalogue import CHECKS, COMMON, WORDS
from scheduler_bridge.sites.preflight.checks import accounting, connection, hardware, people
from scheduler_bridge.sites.preflight.lines import Result, Who
from scheduler_bridge.sites.preflight.probe import ProbeRefused, apart
from scheduler_bridge.sites.preflight.run import STEPS, _look
from scheduler_bridge.slurm_rest_client import (
    AuthRejected,
    Diag,
    Discovery,
    NoAnswer,
    Node,
    NotWritten,
    Partition,
    Refused,
    Unavailable,
    VersionUnsupported,
)
from scheduler_bridge.slurm_rest_client import Cluster as SlurmCluster
from scheduler_bridge.slurm_rest_client import User as SlurmUser

PACKAGE = Path(connection.__file__).parents[1]
SHOWN = """Configuration data as of 2026-11-23T00:49:18
AccountingStorageEnforce = associations,limits,qos,safe
AccountingStoreFlags    = job_comment
AuthAltParameters       = jwt_key=/etc/slurm/jwt_hs256.key
ClusterName             = ned
PriorityDecayHalfLife   = 00:00:00
PriorityType            = priority/multifactor
PriorityUsageResetPeriod = NONE
PrivateData             = none
SlurmUser               = slurm(64030)
SLURM_VERSION           = 24.11.5
Slurmctld(primary) at ned is UP
"""


def raising(error):
    def call(*_args, **_more):
        raise error

    return call


def giving(value):
    return lambda *_args, **_more: value


def a_probe(**more):
    """A probe of a cluster where all is well, without a network. `client` and `cluster` replace parts."""
    cluster = {
        "url": "http://127.0.0.1:6820",
        "operator_login": "tqportal",
        "slurm_name": "ned",
        "signer": "/keys/ned.key",
    } | more.pop("cluster", {})
    client = {
        "clusters": giving([SlurmCluster(name="ned")]),
        "user": giving(SlurmUser(name="tqportal", admin_level="Administrator")),
        "tres": giving(SimpleNamespace(items=("cpu", "gres/gpu"))),
        "nodes": giving([a_node("ned01"), a_node("ned02")]),
    } | more.pop("client", {})
    resource = SimpleNamespace(
        code="ned-h100", partition="gpu", gres_type="h100", gpu_count=16, gpus_per_node=8
    )
    plain = {
        "cluster": SimpleNamespace(**cluster),
        "client": SimpleNamespace(**client),
        "token": giving("token"),
        "diag": giving(Diag(server_time=0, dbd_agent_queue_size=0)),
        "config": config.SANDBOX | {"SLURM_VERSION": "24.11.5"},
        "release": "24.11.5",
        "reported_name": "ned",
        "key_problem": "",
        "skew": 0,
        "front_skew": None,
        "resources": [resource],
        "partitions": (a_partition("gpu"),),
        "partition": "gpu",
        "resource_partitions": ["gpu"],
        "links": [],
        "may_write": True,
        "open_account": "tqpkprobe",
        "shut_account": "tqpkprobeshut",
        "absent_account": "tqpkprobeabsent",
        "set_up": giving(None),
        "held": giving(7),
        "speak": giving(None),
        "let_in": giving(None),
        "wait": lambda look, done, **_more: look(),
    }
    return SimpleNamespace(**plain | more)


def a_node(name, *, gpus=8, kind="h100", states=("IDLE",), partition="gpu"):
    return Node(
        name=name, states=frozenset(states), partitions=(partition,), cpus=64, memory_mb=1, gres="",
        gpus=gpus, gpu_type=kind,
    )  # fmt: skip


def a_partition(name, *, up=True):
    return Partition(name=name, up=up, nodes="", node_count=1, cpus=1, tres={}, max_time_minutes=None)


def refused(code):
    return Refused("submit", "Slurm's reason", status=500, code=code)


# --- The catalogue ----------------------------------------------------------------------------------
def test_every_check_has_its_step_and_words():
    assert set(CHECKS) == set(WORDS) == {step.check for step in STEPS} | {"cleanup"}
    for step in STEPS:
        assert set(step.needs) <= set(CHECKS)


def test_what_fails_says_what_to_do_and_who_does_it():
    told = [words for found in (*WORDS.values(), COMMON) for words in found.values()]
    for words in told:
        if words.result in {Result.WARNING, Result.FAILED}:
            assert words.remedy, words
            assert words.who != Who.NOBODY, words
        if words.result == Result.PASSED:
            assert not words.remedy, words


def test_the_code_names_no_finding_that_the_catalogue_lacks():
    used = {
        pair
        for file in PACKAGE.glob("checks/*.py")
        for pair in re.findall(r'Line\(\s*"(\w+)", "(\w+)"', file.read_text())
    }
    assert len(used) > 40
    for check, code in used:
        assert code in WORDS[check] or code in COMMON, (check, code)


def names(text):
    return set(re.findall(r"%\((\w+)\)s", text))


def finding(line):
    """The words of a line; fails where a parameter is missing."""
    words = WORDS[line.check].get(line.code) or COMMON[line.code]
    for text in (words.found, words.remedy):
        assert names(text) <= set(line.params), line
        text % line.params
    return line.code, words.result, words.who


# --- The configuration that the site shows ----------------------------------------------------------
def test_only_what_is_needed_is_kept():
    kept = config.parse(SHOWN)
    assert kept["AccountingStorageEnforce"] == "associations,limits,qos,safe"
    assert "AuthAltParameters" not in kept
    assert config.slurm_user(kept) == "slurm"
    assert config.decays(kept) == []


def test_a_line_of_blanks_is_read_at_once():
    blanks = " " * 100_000
    padded = SHOWN.replace("= ned", f"={blanks}ned{blanks}")
    assert config.parse(f"{padded}PrivateData = a{blanks}b\n{blanks}\n")["ClusterName"] == "ned"


@pytest.mark.parametrize("text", ["", "ClusterName = ned", "SLURM_VERSION\n= 24", "<html>" * 100])
def test_another_text_is_refused(text):
    with pytest.raises(InvalidInput) as refusal:
        config.parse(text)
    assert refusal.value.field == "text"
    assert "scontrol show config" in str(refusal.value.remedy)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PriorityDecayHalfLife", "7-00:00:00"),
        ("PriorityDecayHalfLife", "00:10:00"),
        ("PriorityUsageResetPeriod", "MONTHLY"),
        ("PriorityType", "priority/basic"),
    ],
)
def test_usage_that_decays_is_named(name, value):
    shown = config.parse(SHOWN) | {name: value}
    assert config.decays(shown) == [f"{name}={value}"]
    line = accounting.decay(a_probe(config=shown))
    assert finding(line) == ("decays", Result.FAILED, Who.SLURM)
    assert value in line.params["settings"]


def test_settings_that_arent_shown():
    for check in (accounting.decay, accounting.safe):
        assert finding(check(a_probe())) == ("ok", Result.PASSED, Who.NOBODY)
        assert finding(check(a_probe(config={}))) == ("not_shown", Result.UNTRIED, Who.MANAGER)
        upgraded = check(a_probe(release="25.05.1"))
        assert finding(upgraded) == ("outdated", Result.UNTRIED, Who.MANAGER)
        assert upgraded.params == {"was": "24.11.5", "now": "25.05.1"}
    unsafe = a_probe(config={"AccountingStorageEnforce": "associations,limits"})
    assert finding(accounting.safe(unsafe)) == ("not", Result.WARNING, Who.SLURM)


# --- The way there ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://slurm.ned.edu.pk", "tls"),
        ("http://127.0.0.1:6820", "loopback"),
        ("http://[::1]:6820", "loopback"),
        ("http://localhost:6820", "loopback"),
        ("http://10.0.0.7:6820", "plain"),
        ("http://slurm.ned.edu.pk:6820", "plain"),
    ],
)
def test_transport(url, code):
    found = finding(connection.transport(a_probe(cluster={"url": url})))
    assert found[:2] == (code, Result.FAILED if code == "plain" else Result.PASSED)


@contextmanager
def serving(status, body, *, date=None):
    """A web server that says the same to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(status)
            if date:
                self.send_header("Date", date)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def keys(settings, tmp_path):
    settings.KEYS_DIR = tmp_path


def reach(url):
    probe = a_probe(cluster={"url": url, "signer": "ned.key"})
    line = connection.reachable(probe)
    return finding(line), line.params, probe


def test_reachable(keys):
    with serving(401, b"") as url:
        found, params, probe = reach(url)
    assert found[:2] == ("ok", Result.PASSED)
    assert params["port"] == int(url.rpartition(":")[2])
    assert probe.front_skew is None


def test_a_clock_before_slurm_is_read(keys):
    with serving(401, b"", date="Mon, 01 Jan 2024 00:00:00 GMT") as url:
        assert reach(url)[2].front_skew < -1_000_000


def test_refused(keys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert reach(url)[0] == ("refused", Result.FAILED, Who.SLURM)


def test_unknown_host(keys, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", raising(socket.gaierror(-2, "unknown")))
    found, params, _probe = reach("https://slurm.ned.invalid")
    assert found == ("unknown_host", Result.FAILED, Who.NETWORK)
    assert params["host"] == "slurm.ned.invalid"


@pytest.mark.parametrize(
    ("error", "code"), [(TimeoutError(), "timeout"), (OSError(113, "No route to host"), "unreachable")]
)
def test_no_way_there(keys, monkeypatch, error, code):
    monkeypatch.setattr(socket, "create_connection", raising(error))
    assert reach("http://127.0.0.1:6820")[0] == (code, Result.FAILED, Who.NETWORK)


def test_no_tls_behind_https(keys):
    with serving(200, b"") as url:
        found, params, _probe = reach(url.replace("http", "https"))
    assert found == ("tls", Result.FAILED, Who.NETWORK)
    assert "TLS" in params["reason"]
    assert params["advice"]


# --- Who answers, and whether it knows us -----------------------------------------------------------
def test_versions():
    found = Discovery(versions=("v0.0.42", "v0.0.41"), release="24.11.5", cluster="ned")
    probe = a_probe(client={"discover": giving(found)})
    line = connection.versions(probe)
    assert finding(line)[0] == "ok"
    assert (line.params["best"], probe.release, probe.versions) == ("v0.0.42", "24.11.5", found.versions)


def test_no_common_version():
    line = connection.versions(a_probe(client={"discover": raising(VersionUnsupported("discover", "none"))}))
    assert finding(line) == ("none", Result.FAILED, Who.SLURM)
    assert "v0.0.38" in line.params["known"]


def test_a_rejected_token_still_shows_the_versions():
    """A release that answers a ping with an error when it rejects the token."""
    spoken = []

    def ping(_token):
        if spoken[-1] != "v0.0.38":
            raise VersionUnsupported("ping", "HTTP 404")
        raise NoAnswer("ping", "Unspecified error", status=500)

    rejected = raising(AuthRejected("discover", "Protocol authentication error"))
    probe = a_probe(speak=spoken.append, client={"discover": rejected, "ping": ping})
    assert finding(connection.versions(probe))[0] == "ok"
    assert (probe.versions, spoken[-1]) == (("v0.0.38",), "v0.0.38")


def test_something_else_answers():
    silent = {"discover": raising(NoAnswer("discover", "broke off")), "ping": raising(NoAnswer("ping", "x"))}
    assert finding(connection.versions(a_probe(client=silent))) == ("no_slurm", Result.FAILED, Who.SLURM)


REJECTED = AuthRejected("diag", "Protocol authentication error", status=511, code=1007)


@pytest.mark.parametrize("problem", ["no_key", "bad_key"])
def test_key_problems(problem):
    line = connection.token(a_probe(key_problem=problem))
    assert finding(line) == (problem, Result.FAILED, Who.OPERATOR)
    assert line.params == {"key": "ned.key"}, "where the key lies isn't told"


def test_token_verdicts():
    assert finding(connection.token(a_probe()))[:2] == ("ok", Result.PASSED)
    wrong = a_probe(diag=raising(REJECTED))
    assert finding(connection.token(wrong)) == ("wrong_key", Result.FAILED, Who.OPERATOR)
    away = a_probe(diag=raising(Unavailable("diag", "Unable to contact slurm controller", code=1800)))
    assert finding(connection.token(away)) == ("controller", Result.FAILED, Who.SLURM)


def test_a_token_that_only_lives_long_enough_is_a_matter_of_clocks():
    asked = []

    def diag(*, seconds=60):
        asked.append(seconds)
        if seconds < 600:
            raise REJECTED
        return Diag(server_time=0, dbd_agent_queue_size=0)

    assert finding(connection.token(a_probe(diag=diag))) == ("clock", Result.FAILED, Who.SLURM)
    assert max(asked) <= 900, "nobody gets a token that is good for long"


@pytest.mark.parametrize(
    ("skew", "front", "code", "whose"),
    [
        (0, None, "ok", ""),
        (-5, 2, "ok", ""),
        (6, None, "skewed", "slurmctld"),
        (0, -9, "skewed", "slurmrestd"),
        (-15, 8, "broken", "slurmctld"),
        (3, 400, "broken", "slurmrestd"),
    ],
)
def test_clock(settings, skew, front, code, whose):
    settings.DISPATCH_TOKEN_SECONDS = 30
    line = connection.clock(a_probe(skew=skew, front_skew=front))
    result = {"ok": Result.PASSED, "skewed": Result.WARNING, "broken": Result.FAILED}[code]
    assert finding(line)[:2] == (code, result)
    assert line.params.get("whose", "") == whose


@pytest.mark.parametrize(("told", "ahead"), [(100, 0), (101, 0), (102, 1), (99, -2), (60, -41), (160, 59)])
def test_how_far_apart(told, ahead):
    assert apart(told, 100.4, 100.6) == ahead


@pytest.mark.parametrize(
    ("login", "shown", "code"),
    [
        ("tqportal", {}, "ok"),
        ("root", {}, "powerful"),
        ("slurm", {}, "powerful"),
        ("scheduler", {"SlurmUser": "scheduler(990)"}, "powerful"),
    ],
)
def test_speaker(login, shown, code):
    probe = a_probe(cluster={"operator_login": login}, config=shown)
    assert finding(connection.speaker(probe))[:2] == (
        code,
        Result.PASSED if code == "ok" else Result.FAILED,
    )


def test_level_of_service(monkeypatch):
    line = connection.service(a_probe())
    assert finding(line)[:2] == ("ok", Result.PASSED)
    behind = a_probe(diag=giving(Diag(server_time=0, dbd_agent_queue_size=5000)))
    assert finding(connection.service(behind)) == ("backlog", Result.WARNING, Who.SLURM)
    ticks = iter(range(0, 1000, 2))
    monkeypatch.setattr(connection, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    line = connection.service(a_probe())
    assert finding(line) == ("slow", Result.WARNING, Who.SLURM)
    assert (line.params["median"], line.params["calls"]) == (2000, 10)


# --- Accounting -------------------------------------------------------------------------------------
def test_cluster_name():
    assert finding(accounting.cluster_name(a_probe()))[0] == "ok"
    other = accounting.cluster_name(a_probe(reported_name="uet"))
    assert finding(other) == ("other", Result.FAILED, Who.MANAGER)
    unknown = accounting.cluster_name(
        a_probe(reported_name="", client={"clusters": giving([SlurmCluster(name="uet")])})
    )
    assert finding(unknown) == ("unknown", Result.FAILED, Who.SLURM)
    assert unknown.params["found"] == "uet"


DENIED = refused(2002)


@pytest.mark.parametrize(
    ("level", "error", "code"),
    [
        ("Administrator", None, "ok"),
        ("None", DENIED, "low"),
        ("Operator", DENIED, "no_linux_user"),
        ("Operator", NotWritten("write_account", "nothing is there"), "not_written"),
        ("Operator", Unavailable("tres", "Unable to connect to database", code=7000), "no_dbd"),
    ],
)
def test_rights(level, error, code):
    user = SlurmUser(name="tqportal", admin_level=level)
    set_up = raising(error) if error else giving(None)
    line = accounting.rights(a_probe(client={"user": giving(user)}, set_up=set_up))
    assert finding(line)[:2] == (code, Result.PASSED if code == "ok" else Result.FAILED)


def test_an_operator_unknown_to_accounting():
    line = accounting.rights(a_probe(client={"user": giving(None)}))
    assert finding(line) == ("missing", Result.FAILED, Who.SLURM)


def test_gpu_tracked():
    assert finding(accounting.gpu_tracked(a_probe()))[0] == "ok"
    untracked = a_probe(client={"tres": giving(SimpleNamespace(items=("cpu", "mem")))})
    assert finding(accounting.gpu_tracked(untracked)) == ("not", Result.FAILED, Who.SLURM)


@pytest.mark.parametrize(("check", "code"), [(accounting.associations, 2045), (accounting.limits, 2050)])
def test_enforcement(check, code):
    enforced = check(a_probe(submit=raising(refused(code))))
    assert finding(enforced)[:2] == ("ok", Result.PASSED)
    accepted = check(a_probe(submit=giving(7)))
    assert finding(accepted) == ("not", Result.FAILED, Who.SLURM)
    with pytest.raises(Refused):
        check(a_probe(submit=raising(refused(2014))))


# --- Hardware ---------------------------------------------------------------------------------------
def test_partitions():
    assert finding(hardware.partitions(a_probe()))[0] == "ok"
    assert finding(hardware.partitions(a_probe(resources=[])))[:2] == ("no_resource", Result.WARNING)
    missing = hardware.partitions(a_probe(partitions=(a_partition("cpu"),)))
    assert finding(missing) == ("missing", Result.FAILED, Who.MANAGER)
    down = hardware.partitions(a_probe(partitions=(a_partition("gpu", up=False),)))
    assert finding(down) == ("down", Result.FAILED, Who.SLURM)


@pytest.mark.parametrize(
    ("nodes", "code", "found"),
    [
        ([a_node("a"), a_node("b")], "ok", None),
        ([a_node("a")], "too_few", 8),
        ([a_node("a"), a_node("b", kind="a100")], "too_few", 8),
        ([a_node("a"), a_node("b", partition="other")], "too_few", 8),
        ([a_node(str(number), gpus=4) for number in range(4)], "per_node", 4),
        ([a_node("a"), a_node("b", states=("IDLE", "DRAIN"))], "resting", 8),
        ([a_node("a", states=("DOWN",)), a_node("b", states=("DOWN",))], "resting", 0),
    ],
)
def test_gpus(nodes, code, found):
    line = hardware.gpus(a_probe(client={"nodes": giving(nodes)}))
    result = {"ok": Result.PASSED, "resting": Result.WARNING}.get(code, Result.FAILED)
    assert finding(line)[:2] == (code, result)
    if found is not None:
        assert line.params["found"] == found


def test_jobs_without_gpus():
    taken = hardware.cpu_only(a_probe(submit=giving(8)))
    assert finding(taken) == ("accepted", Result.WARNING, Who.SLURM)
    assert finding(hardware.cpu_only(a_probe(submit=raising(refused(2066)))))[:2] == ("ok", Result.PASSED)


def test_a_refusal_proves_nothing_where_gpu_jobs_are_refused_too():
    step = next(step for step in STEPS if step.check == "cpu_only")
    probe = a_probe(held=raising(ProbeRefused("gpu", refused(2045))), submit=raising(refused(2045)))
    line = _look(step, probe, {"rights": Result.PASSED})
    assert finding(line) == ("probe_refused", Result.UNTRIED, Who.SLURM)


def test_private():
    def jobs(*ids):
        return {"list_jobs": giving([SimpleNamespace(job_id=one) for one in ids])}

    assert finding(hardware.private(a_probe(client=jobs(1, 7))))[:2] == ("seen", Result.WARNING)
    assert finding(hardware.private(a_probe(client=jobs(1))))[:2] == ("ok", Result.PASSED)


# --- The probe's mark, and people -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("tqpkprobe", "mark", True)], "ok"),
        ([("tqpkprobe", "", True)], "lost"),
        ([("tqpkprobe", "", False)], "late"),
        ([("somebody", "mark", True)], "late"),  # the id is another's, from long ago
        ([], "late"),
    ],
)
def test_comment(rows, code):
    found = [
        SimpleNamespace(account=account, comment=comment, state=SimpleNamespace(is_terminal=ended))
        for account, comment, ended in rows
    ]
    cancelled = []
    probe = a_probe(mark="mark", cancel=cancelled.append, client={"accounting_by_id": giving(found)})
    line = accounting.comment(probe)
    result = {"ok": Result.PASSED, "lost": Result.FAILED, "late": Result.WARNING}[code]
    assert finding(line)[:2] == (code, result)
    assert cancelled == [7]


@pytest.mark.parametrize(
    ("links", "recorded", "code"),
    [
        ([], [], "none"),
        (["ali"], ["ali"], "ok"),
        (["ali", "sara"], ["ali"], "partly"),
        (["sara"], ["ali"], "later"),
        (["ghost"], ["ghost"], "unknown"),
        (["odd"], ["odd"], "unclear"),
    ],
)
def test_logins(links, recorded, code):
    asked = {"ghost": refused(2045), "odd": refused(2014)}

    def submit(_account, _partition, *, login):
        raise asked.get(login, refused(2050))

    listing = giving([SimpleNamespace(user=login, account="tqx") for login in recorded])
    let_in = []
    probe = a_probe(
        links=links,
        submit=submit,
        client={"associations": listing},
        let_in=lambda login, *_more: let_in.append(login),
    )
    line = people.logins(probe)
    assert finding(line)[0] == code
    assert let_in == [login for login in links if login in recorded], "nobody else is touched"


def test_a_check_that_breaks_hides_no_other():
    step = next(step for step in STEPS if step.check == "gpus")
    probe = a_probe(client={"nodes": raising(KeyError("x"))}, code="pfl-1")
    probe.cluster.code = "ned"
    assert finding(_look(step, probe, {"token": Result.PASSED})) == ("fault", Result.UNTRIED, Who.OPERATOR)
    missing = _look(step, probe, {"token": Result.FAILED})
    assert (finding(missing)[0], missing.params) == ("needs", {"check": "token"})
