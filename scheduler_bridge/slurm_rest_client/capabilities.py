"""What differs between REST versions that share a codec, and between codecs."""

import msgspec


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a version can do, and what it says that is not true."""

    version: str
    has_job_states: bool
    """The cheap list of states alone, `SlurmClient.job_states`."""
    has_shares_usage: bool
    """`SlurmClient.shares`: usage against limits."""
    account_limits_change_in_place: bool
    """Without it the limits of an account's association can be set once only, when it is created: a change
    is answered with 200 and does nothing. A user's own limits change everywhere."""
    truthful_accounting_flags: bool
    """The cluster takes show_duplicates and disable_truncate_usage_time."""
    complete_accounting: bool
    """Requeued runs are listed and elapsed times are whole: with those flags, or (v0.0.38) without any."""
    truthful_exit_codes: bool
    """The accounting tells exit codes. Without it only the live list does, for minutes after the end."""
    tells_bad_tokens: bool
    """A refused token is told apart. Without it a submission then looks like a lost reply (5005) and a
    query like a dead slurmctld; a query of slurmdbd (`tres`) raises AuthRejected all the same."""
    refuses_what_never_fits: bool
    """More nodes or CPUs than the partition has: refused (2014), or accepted with 2015 in `Submitted.errors`
    and pending for ever. Too long a time limit is accepted everywhere."""


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
        complete_accounting=number >= 42 or not modern,
        truthful_exit_codes=modern,
        tells_bad_tokens=modern,
        refuses_what_never_fits=modern,
    )


def version_number(version: str) -> int:
    prefix, _, number = version.rpartition(".")
    if prefix != "v0.0" or not number.isdigit():
        raise ValueError(f"{version!r} is not a Slurm REST version; write it like v0.0.42.")
    return int(number)
