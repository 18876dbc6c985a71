"""Running the checks in order, each only where what it needs has passed."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from datacenters.models import Cluster
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight.catalogue import CHECKS, words_of
from scheduler_bridge.sites.preflight.checks import accounting, connection, hardware, people
from scheduler_bridge.sites.preflight.lines import Line, Result
from scheduler_bridge.sites.preflight.probe import NoPartition, Probe, ProbeRefused
from scheduler_bridge.slurm_rest_client import SlurmError

log = logging.getLogger(__name__)

FINE = {Result.PASSED, Result.WARNING}


class Step(NamedTuple):
    check: str
    look: Callable[[Probe], Line]
    needs: tuple[str, ...] = ()


STEPS = (
    Step("transport", connection.transport),
    Step("reachable", connection.reachable),
    Step("versions", connection.versions, ("reachable",)),
    Step("token", connection.token, ("versions",)),
    Step("clock", connection.clock, ("versions",)),
    Step("speaker", connection.speaker),
    Step("cluster_name", accounting.cluster_name, ("token",)),
    Step("rights", accounting.rights, ("cluster_name",)),
    Step("service", connection.service, ("token",)),
    Step("gpu_tracked", accounting.gpu_tracked, ("token",)),
    Step("partitions", hardware.partitions, ("token",)),
    Step("gpus", hardware.gpus, ("token",)),
    Step("associations", accounting.associations, ("rights",)),
    Step("limits", accounting.limits, ("rights",)),
    Step("safe", accounting.safe),
    Step("decay", accounting.decay),
    Step("cpu_only", hardware.cpu_only, ("rights",)),
    Step("private", hardware.private, ("rights",)),
    Step("comment", accounting.comment, ("rights",)),
    Step("logins", people.logins, ("limits",)),
)


def lines_of(cluster: Cluster, code: str, config: Mapping[str, str]) -> Iterator[Line | Probe]:
    """Every check's line as it comes; at the end the probe itself, cleaned up, with what it learnt.

    Probe jobs are cancelled also where the caller stops listening.
    """
    results: dict[str, Result] = {}
    with Probe(cluster, code, config) as probe:
        for step in STEPS:
            line = _look(step, probe, results)
            results[step.check] = words_of(line.check, line.code).result
            yield line
    yield _left(probe)
    yield probe


def _look(step: Step, probe: Probe, results: Mapping[str, Result]) -> Line:
    missing = next((need for need in step.needs if results[need] not in FINE), None)
    # A clock that is off is why the token fails: then its own line tells by how much.
    if step.check == "clock" and probe.skew is None and missing is None:
        missing = "token"
    if missing:
        return Line(step.check, "needs", {"check": missing})
    if step.check == "rights" and not probe.may_write:  # everything that submits or writes needs them
        return Line(step.check, "stopped")
    try:
        return step.look(probe)
    except NoPartition:
        return Line(step.check, "no_partition")
    except ProbeRefused as error:
        facts = {"partition": error.partition, "reason": error.reason, "account": probe.open_account}
        return Line(step.check, "probe_refused", facts)
    except SlurmError as error:
        return Line(step.check, "no_answer", {"reason": error.reason})
    except Exception:
        # One faulty check hides no other, and the clean-up still comes.
        log.exception("Preflight %s of %s: %s", probe.code, probe.cluster.code, step.check)
        return Line(step.check, "fault")


def _left(probe: Probe) -> Line:
    if probe.open_jobs:
        return Line("cleanup", "left", {"jobs": ",".join(map(str, sorted(probe.open_jobs)))})
    return Line("cleanup", "ok", {"count": probe.submitted}) if probe.submitted else Line("cleanup", "none")


def hard_faults(lines: list[dict[str, object]]) -> list[str]:
    """The checks that keep a cluster from being switched on: failed, untried, or not there."""
    fine = {str(line["check"]) for line in lines if result_of(line) in FINE}
    return [name for name, check in CHECKS.items() if check.hard and name not in fine]


def missing_fence(lines: list[dict[str, object]]) -> list[str]:
    """The checks for want of which Slurm doesn't stop over-use by itself."""
    fine = {str(line["check"]) for line in lines if result_of(line) in FINE}
    return [name for name, check in CHECKS.items() if check.fence and name not in fine]


def verdict_of(lines: list[dict[str, object]]) -> PreflightRun.Verdict:
    return PreflightRun.Verdict.LEDGER_ONLY if missing_fence(lines) else PreflightRun.Verdict.HARD_FENCE


def result_of(line: Mapping[str, object]) -> Result:
    """How a stored line went; one that this release has no words for counts as untried."""
    try:
        return words_of(str(line["check"]), str(line["code"])).result
    except KeyError:
        return Result.UNTRIED
