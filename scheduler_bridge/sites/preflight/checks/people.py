"""Do the linked logins exist where Slurm looks them up?"""

from scheduler_bridge.sites.preflight.checks.accounting import submission
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.probe import BEYOND_LIMIT, LAG_SECONDS, Probe
from scheduler_bridge.slurm_rest_client import AssociationLimits, SlurmError

# Tried in one run; the oldest links come first.
MOST = 200
SHOWN = 10


def logins(probe: Probe) -> Line:
    """slurmdb takes any name; slurmctld refuses one unknown to Linux as having no association (2045), a known
    one for the limit (2050). Neither becomes a job.

    Only people whom Slurm's accounting has already are tried: the probe's association must not become
    anybody's default.
    """
    if not probe.links:
        return Line("logins", "none")
    known, shut_in = _recorded(probe)
    tried = [login for login in probe.links if login in known][:MOST]
    later = len(probe.links) - len(tried)
    if not tried:
        return Line("logins", "later", {"later": later})
    for login in tried:
        if login not in shut_in:
            probe.let_in(login, probe.shut_account, AssociationLimits(max_submit_jobs=0))
    unknown, reason = _unknown(probe, tried)
    if unknown and reason:
        return Line("logins", "unclear", {"names": _some(unknown), "reason": reason})
    if unknown:
        return Line("logins", "unknown", {"names": _some(unknown)})
    return Line("logins", "partly" if later else "ok", {"count": len(tried), "later": later})


def _unknown(probe: Probe, tried: list[str]) -> tuple[list[str], str]:
    """Who wasn't refused for the limit, even once slurmctld had time to hear of new associations; and Slurm's
    reason, where it gave another."""
    reasons: dict[str, str] = {}

    def still(names: list[str]) -> list[str]:
        return [name for name in names if not _is_known(probe, name, reasons)]

    left = still(tried)
    if left:
        left = probe.wait(lambda: still(left), lambda names: not names, seconds=LAG_SECONDS)
    return left, next((reasons[name] for name in left if name in reasons), "")


def _recorded(probe: Probe) -> tuple[set[str], set[str]]:
    """Logins with an association of any other Slurm account, and those with one of the probe's."""
    listing = list(probe.client.associations(probe.token(), probe.cluster.slurm_name))
    own = {found.user for found in listing if found.account == probe.shut_account}
    others = {found.user for found in listing if found.account != probe.shut_account}
    return others, own


def _is_known(probe: Probe, login: str, reasons: dict[str, str]) -> bool:
    reasons.pop(login, None)
    try:
        return submission(probe, probe.shut_account, login) == BEYOND_LIMIT
    except SlurmError as error:
        reasons[login] = error.reason
    return False


def _some(names: list[str]) -> str:
    more = f" +{len(names) - SHOWN}" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
