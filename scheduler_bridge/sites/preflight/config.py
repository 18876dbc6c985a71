"""Reading what `scontrol show config` prints: the few settings that REST doesn't tell."""

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput

KEPT = (
    "ClusterName",
    "SLURM_VERSION",
    "SlurmUser",
    "AccountingStorageEnforce",
    "AccountingStorageTRES",
    "AccountingStoreFlags",
    "PriorityType",
    "PriorityDecayHalfLife",
    "PriorityUsageResetPeriod",
    "PrivateData",
)
NEEDED = ("ClusterName", "SLURM_VERSION", "AccountingStorageEnforce", "PriorityType")
# A virtual cluster has no configuration to paste; this is how it behaves.
SANDBOX: Mapping[str, str] = {
    "AccountingStorageEnforce": "associations,limits,qos,safe",
    "AccountingStoreFlags": "job_comment",
    "PriorityType": "priority/multifactor",
    "PriorityDecayHalfLife": "00:00:00",
    "PriorityUsageResetPeriod": "NONE",
    "SlurmUser": "slurm",
}
# The value is stripped afterwards: a pattern that did it would try a long line in every way there is.
_LINE = re.compile(r"\s*(\w+)\s*=(.*)")
_LONGEST = 200


def parse(text: str) -> dict[str, str]:
    """The kept settings of a pasted output. Raises InvalidInput (field `text`) where it is something else."""
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and match[1] in KEPT:
            found[match[1]] = match[2].strip()[:_LONGEST]
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise InvalidInput(
            _("This isn't the whole output: %(names)s isn't in it.") % {"names": ", ".join(missing)},
            field="text",
            remedy=_("Run “scontrol show config” at the cluster and paste everything that it prints."),
        )
    return found


def words(settings: Mapping[str, str], name: str) -> set[str]:
    """A setting that lists words, in small letters; empty where it is unset."""
    value = settings.get(name, "").lower()
    return set() if value in {"", "none", "(null)", "n/a"} else {word.strip() for word in value.split(",")}


def decays(settings: Mapping[str, str]) -> list[str]:
    """The settings, as they stand, by which a spent budget comes back or isn't counted; empty: none does."""
    if settings.get("PriorityType") != "priority/multifactor":
        return [f"PriorityType={settings.get('PriorityType', '?')}"]
    found = []
    # Printed in days-hours:minutes:seconds.
    if set(settings.get("PriorityDecayHalfLife", "7-0")) - set("0:-"):
        found.append("PriorityDecayHalfLife")
    if settings.get("PriorityUsageResetPeriod", "?").upper() != "NONE":
        found.append("PriorityUsageResetPeriod")
    return [f"{name}={settings.get(name, '?')}" for name in found]


def slurm_user(settings: Mapping[str, str]) -> str:
    """`slurm(64030)` names slurm."""
    return settings.get("SlurmUser", "slurm").partition("(")[0]
