"""Does Slurm's accounting know us, count GPUs and hold budgets?"""

from scheduler_bridge.sites.preflight import config
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.probe import BEYOND_LIMIT, LAG_SECONDS, UNKNOWN_ACCOUNT, Probe
from scheduler_bridge.slurm_rest_client import GPU, AccountingRun, NotWritten, Refused, Unavailable

PERMISSION_DENIED = 2002
WRITING = {"Operator", "Administrator"}
# What a submission came to where Slurm took it; its refusals have Slurm's own numbers.
ACCEPTED = 0


def cluster_name(probe: Probe) -> Line:
    """24.11 tells its name with every answer; before, slurmdb's list of clusters has to do."""
    name = probe.cluster.slurm_name
    if probe.reported_name and probe.reported_name != name:
        return Line("cluster_name", "other", {"name": name, "found": probe.reported_name})
    known = [cluster.name for cluster in probe.client.clusters(probe.token())]
    if name not in known:
        return Line("cluster_name", "unknown", {"name": name, "found": ", ".join(known) or "-"})
    return Line("cluster_name", "ok", {"name": name})


def rights(probe: Probe) -> Line:
    login, account = probe.cluster.operator_login, probe.open_account
    level = ""
    try:
        user = probe.client.user(probe.token(), login)
        if user is None:
            return Line("rights", "missing", {"login": login})
        level = user.admin_level or "None"
        probe.set_up()
    except Unavailable as error:
        return Line("rights", "no_dbd", {"reason": error.reason})
    except NotWritten as error:
        return Line("rights", "not_written", {"account": account, "reason": error.reason})
    except Refused as error:
        if error.code != PERMISSION_DENIED:
            raise
        code = "no_linux_user" if level in WRITING else "low"
        return Line("rights", code, {"login": login, "level": level})
    return Line("rights", "ok", {"login": login, "level": level, "account": account})


def gpu_tracked(probe: Probe) -> Line:
    return Line("gpu_tracked", "ok" if GPU in probe.client.tres(probe.token()).items else "not")


def associations(probe: Probe) -> Line:
    answer = submission(probe, probe.absent_account)
    if answer == UNKNOWN_ACCOUNT:
        return Line("associations", "ok")
    return Line("associations", "not")


def limits(probe: Probe) -> Line:
    """A limit that slurmctld hasn't heard of yet looks like one that isn't enforced: so wait a little."""
    answer = probe.wait(lambda: submission(probe, probe.shut_account), lambda one: one == BEYOND_LIMIT)
    return Line("limits", "ok" if answer == BEYOND_LIMIT else "not")


def submission(probe: Probe, account: str, login: str = "") -> int:
    """What a held probe job came to: ACCEPTED, UNKNOWN_ACCOUNT or BEYOND_LIMIT. Raises Refused for others."""
    try:
        probe.submit(account, probe.partition, login=login)
    except Refused as error:
        if error.code in (UNKNOWN_ACCOUNT, BEYOND_LIMIT):
            return error.code
        raise
    return ACCEPTED


def safe(probe: Probe) -> Line:
    if line := _unshown("safe", probe):
        return line
    kept = "safe" in config.words(probe.config, "AccountingStorageEnforce")
    return Line("safe", "ok" if kept else "not")


def decay(probe: Probe) -> Line:
    if line := _unshown("decay", probe):
        return line
    settings = config.decays(probe.config)
    return Line("decay", "decays", {"settings": ", ".join(settings)}) if settings else Line("decay", "ok")


def _unshown(check: str, probe: Probe) -> Line | None:
    """The line of a setting that only the pasted configuration tells, where that doesn't tell it."""
    if not probe.config:
        return Line(check, "not_shown")
    was = probe.config.get("SLURM_VERSION", probe.release)
    if probe.release and was != probe.release:
        return Line(check, "outdated", {"was": was, "now": probe.release})
    return None


def comment(probe: Probe) -> Line:
    """Cancel the held job and look for its mark: a held job comes to slurmdb with its end."""
    job_id = probe.held(probe.partition)
    probe.cancel(job_id)
    rows = probe.wait(lambda: _recorded(probe, job_id), _is_settled, seconds=2 * LAG_SECONDS)
    if any(row.comment == probe.mark for row in rows):
        return Line("comment", "ok")
    if any(row.state.is_terminal for row in rows):
        return Line("comment", "lost")
    return Line("comment", "late", {"seconds": round(2 * LAG_SECONDS)})


def _recorded(probe: Probe, job_id: int) -> list[AccountingRun]:
    found = probe.client.accounting_by_id(probe.token(), probe.cluster.slurm_name, [job_id])
    # Ids are used again; the name of a job that never started isn't kept by every release.
    return [row for row in found if row.account == probe.open_account]


def _is_settled(rows: list[AccountingRun]) -> bool:
    return any(row.state.is_terminal for row in rows)
