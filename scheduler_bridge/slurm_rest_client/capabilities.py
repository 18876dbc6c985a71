"""What differs between REST versions that share a codec."""

import msgspec


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """`truthful_accounting_flags`: the cluster takes show_duplicates and disable_truncate_usage_time, without
    which skip_steps hides requeued runs and clips elapsed times to the window."""

    version: str
    has_job_states: bool
    has_shares_usage: bool
    account_limits_change_in_place: bool
    truthful_accounting_flags: bool


def capabilities_of(version: str) -> Capabilities:
    """The capabilities of a version such as "v0.0.42". Raises ValueError for anything else."""
    number = version_number(version)
    modern = number >= 40
    return Capabilities(
        version=version,
        has_job_states=modern,
        has_shares_usage=modern,
        account_limits_change_in_place=modern,
        truthful_accounting_flags=number >= 42,
    )


def version_number(version: str) -> int:
    prefix, _, number = version.rpartition(".")
    if prefix != "v0.0" or not number.isdigit():
        raise ValueError(f"{version!r} is not a Slurm REST version; write it like v0.0.42.")
    return int(number)
