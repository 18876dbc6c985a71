"""One allocation's Slurm accounts: as they should be, as they are, and the steps from here to there.

A survey only reads: shown to people it is the dry run, carried out it is a reconciliation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from allocations.awards.models import Allocation
from scheduler_bridge.models import JobRun, SlurmAccountBinding
from scheduler_bridge.provisioning import writes
from scheduler_bridge.provisioning.budget import run_key
from scheduler_bridge.provisioning.desired import (
    OPEN_TO,
    SHUT,
    Desired,
    account_name,
    bindings_of,
    desired,
    parent_account,
)
from scheduler_bridge.provisioning.slurm import AdoptedGone, NotOurs, Slurm
from scheduler_bridge.slurm_rest_client import AssociationLimits, JobState
from scheduler_bridge.slurm_rest_client.models import GPU, Association, LiveJob

# A job without a time limit might run as long as this.
LONGEST_MINUTES = 365 * 24 * 60


@dataclass(frozen=True)
class Step:
    """One change in Slurm: `text` says it, `do` does it."""

    text: str
    do: Callable[[], object]


class Survey:
    """`steps` are those that can be taken now; more may follow from them. `remedies` are what the portal
    can't do.

    Raises SlurmError, OSError, and ProvisioningProblem where something is in the way of all.
    """

    def __init__(
        self,
        allocation: Allocation,
        slurm: Slurm,
        *,
        want: Desired | None = None,
        bindings: list[SlurmAccountBinding] | None = None,
    ) -> None:
        self.allocation, self.slurm = allocation, slurm
        self.want = want or desired(allocation)
        self.bindings = bindings_of([allocation])[allocation.pk] if bindings is None else bindings
        self.current = self.bindings[-1] if self.bindings else None
        self.found = slurm.associations(self.want.slurm_account)
        self.own = self.found.get("")
        self.remedies: list[str] = []
        self._check_ours()
        self.above = self._above()
        self.steps = list(self._steps())

    # --- what is wanted and found, for people and for the record ---

    def wanted(self) -> dict[str, Any]:
        want = self.want
        return {
            "slurm_account": want.slurm_account,
            "limit_minutes": self.minutes if want.fits(self.minutes) else want.limit_minutes,
            "logins": list(want.logins),
            "blocked": want.blocked,
            "parent": parent_account(),
            "parent_gpus": self.slurm.cluster.lent_gpus,
        }

    def summary(self) -> dict[str, Any]:
        """Every association found, by user."""
        return {
            user or "(account)": {
                "gpu_minutes": association.limits.gpu_minutes,
                "max_submit": association.limits.max_submit_jobs,
                "max_active": association.limits.max_active_jobs,
            }
            for user, association in self.found.items()
        }

    @property
    def minutes(self) -> int | None:
        """The limit found, in GPU-minutes."""
        return self.own.limits.gpu_minutes if self.own else None

    @property
    def is_blocked(self) -> bool:
        """Whether nothing can be submitted or started, as found; asked once no step is left."""
        if self.own and self.want.in_place:
            return self.own.limits.max_submit_jobs == 0 and self.own.limits.max_active_jobs == 0
        return self.want.blocked

    # --- steps ---

    def _steps(self) -> Iterator[Step]:
        yield from self._parent_steps()
        closing = list(self._closing_steps())
        yield from closing
        if closing and self.own is None:
            return  # what runs in earlier generations is sure only once nothing more starts there
        reserving = list(self._reserving_steps())
        if reserving:
            yield from reserving
            return  # the limit is another one then
        opening = list(self._limit_steps())
        yield from opening
        if opening and self.own is not None and not self.want.in_place:
            return  # a new generation: its logins and jobs come with the next look
        yield from self._login_steps()
        if not opening and self.own is not None:
            yield from self._job_steps()

    def _parent_steps(self) -> Iterator[Step]:
        """The Slurm account above all others holds the share that is lent."""
        name, lent = parent_account(), self.slurm.cluster.lent_gpus
        found = self.slurm.associations(name).get("")
        if found is None:
            self._refuse_foreign(name, writes.PARENT)
            label = f"make Slurm account {name} above all others" + (
                f", GrpTRES={GPU}={lent}" if lent else ""
            )
            yield Step(label, partial(writes.make_parent, self.slurm, name, lent))
            return
        limits = writes.with_gpus(found.limits, lent)
        if found.limits == limits:
            return
        if self.want.in_place:
            self._refuse_foreign(name, writes.PARENT)
            yield Step(
                f"set GrpTRES={GPU}={-1 if lent is None else lent} of {name}",
                partial(writes.set_limits, self.slurm, name, limits, parent=found.parent),
            )
        else:
            self._only_at_the_site(name, f"GrpTRES={GPU}={-1 if lent is None else lent}")

    def _closing_steps(self) -> Iterator[Step]:
        """Nothing is submitted to, or starts in, an earlier generation."""
        for name in self.want.earlier:
            found = self.slurm.associations(name)
            own = found.get("")
            if own is None:
                continue
            if self.want.in_place:
                limits = msgspec.structs.replace(own.limits, max_active_jobs=0, max_submit_jobs=0)
                if own.limits != limits:
                    yield Step(
                        f"stop Slurm account {name}",
                        partial(writes.set_limits, self.slurm, name, limits, parent=own.parent),
                    )
                continue
            for user in sorted(set(found) - {""}):
                if not _is_shut(found[user]):
                    yield Step(
                        f"stop {user} in Slurm account {name}",
                        partial(writes.set_login, self.slurm, name, user, SHUT),
                    )

    def _reserving_steps(self) -> Iterator[Step]:
        """What still runs in earlier generations must not be spent a second time."""
        if not self.want.earlier or self.current is None:
            return
        fresh = {
            run_key(job.job_id, job.submit_time or 0): _cost(job)
            for job in self.slurm.jobs(*self.want.earlier)
            if job.start_time is not None and job.gpus
        }
        fresh = {key: cost for key, cost in fresh.items() if key not in self.current.reserved}
        for key in _charged(self.slurm, fresh):
            del fresh[key]
        if fresh:
            binding = self.current
            yield Step(
                f"reserve {sum(fresh.values())} GPU-seconds for {len(fresh)} job(s) of earlier generations",
                partial(writes.reserve, binding, fresh),
            )

    def _limit_steps(self) -> Iterator[Step]:
        want = self.want
        if self.own is None:
            yield Step(
                f"make Slurm account {want.slurm_account}, GrpTRESMins={GPU}={want.limit_minutes}",
                partial(writes.make_account, self.slurm, self.allocation, want, parent=parent_account()),
            )
        elif want.in_place:
            parent = self.own.parent if want.adopted else parent_account()
            if self.own.limits != want.limits.under(self.above) or self.own.parent != parent:
                yield Step(
                    f"set GrpTRESMins={GPU}={want.limit_minutes} blocked={want.blocked}, {want.slurm_account}"
                    + ("" if self.own.parent == parent else f" under {parent}"),
                    partial(writes.set_limits, self.slurm, want.slurm_account, want.limits, parent=parent),
                )
        elif not want.fits(self.minutes):
            if want.adopted:
                self._only_at_the_site(want.slurm_account, f"GrpTRESMins={GPU}={want.limit_minutes}")
            else:
                number = want.generation + 1
                yield Step(
                    f"open generation {number}: {account_name(self.allocation, number)} with "
                    f"GrpTRESMins={GPU}={want.limit_minutes} less what still runs in {want.slurm_account}",
                    partial(writes.open_generation, self.allocation, self.slurm.cluster, number),
                )
        else:
            self._check_unchangeable(self.own)

    def _login_steps(self) -> Iterator[Step]:
        want, name = self.want, self.want.slurm_account
        shown = (self._standing() if self.own and not want.in_place else want.limits).under(self.above)
        for login in want.logins:
            there = self.found.get(login)
            if there is None or there.limits != want.of_login.under(shown):
                verb = "stop" if want.of_login == SHUT else "let"
                yield Step(
                    f"{verb} {login} in {name}" if verb == "stop" else f"let {login} use {name}",
                    partial(writes.set_login, self.slurm, name, login, want.of_login),
                )
        # No longer a member: may submit nothing more. Deleting would fail while a job of theirs runs.
        for login in sorted(set(self.found) - {"", *want.logins}):
            if self.found[login].limits != SHUT.under(shown):
                yield Step(
                    f"shut {login} out of {name}", partial(writes.set_login, self.slurm, name, login, SHUT)
                )

    def _job_steps(self) -> Iterator[Step]:
        """Pending jobs follow the allocation into its present generation, or go with its end."""
        want = self.want
        if want.ended:
            waiting = _pending(self.slurm.jobs(want.slurm_account, *want.earlier))
            if waiting:
                yield Step(
                    f"cancel {len(waiting)} pending job(s)", partial(writes.cancel, self.slurm, waiting)
                )
        elif want.earlier and not want.blocked:
            waiting = [job for job in _pending(self.slurm.jobs(*want.earlier)) if job.user in want.logins]
            if waiting:
                yield Step(
                    f"move {len(waiting)} pending job(s) to {want.slurm_account}",
                    partial(writes.move, self.slurm, waiting, want.slurm_account),
                )

    # --- helpers ---

    def _check_ours(self) -> None:
        """Until it was read back once as ours, a Slurm account must say that the portal made it."""
        name = self.want.slurm_account
        if self.want.adopted:
            if self.own is None:
                raise AdoptedGone(name)
        elif self.own is None or self.current is None or self.current.verified_at is None:
            self._refuse_foreign(name, writes.described(self.allocation))

    def _refuse_foreign(self, name: str, description: str) -> None:
        there = self.slurm.account(name)
        if there is not None and not writes.made(there, description):
            raise NotOurs(name)

    def _check_unchangeable(self, own: Association) -> None:
        """What else than the budget stands at a Slurm account whose limits only sacctmgr changes."""
        surplus = writes.lifting(own.limits, self._standing().under(self.above))
        if surplus:
            self._only_at_the_site(self.want.slurm_account, surplus)
        is_shared = self.slurm.cluster.lent_gpus is not None and not self.want.adopted
        if is_shared and own.parent != parent_account():
            self._only_at_the_site(self.want.slurm_account, f"parent={parent_account()}")

    def _above(self) -> AssociationLimits:
        """What the Slurm account inherits."""
        if self.own is not None and (self.want.adopted or not self.want.in_place):
            above = self.slurm.associations(self.own.parent).get("")
            return above.limits if above else OPEN_TO
        above = self.slurm.associations(parent_account()).get("")
        return writes.with_gpus(above.limits if above else OPEN_TO, self.slurm.cluster.lent_gpus)

    def _standing(self) -> AssociationLimits:
        """The Slurm account's own limits where they can't be changed: the budget as found, nothing else."""
        return AssociationLimits(group_tres_minutes={GPU: self.minutes or 0})

    def _only_at_the_site(self, name: str, setting: str) -> None:
        self.remedies.append(
            f"sacctmgr modify account where name={name} cluster={self.slurm.cluster.slurm_name} set {setting}"
        )


def _is_shut(association: Association) -> bool:
    return association.limits.max_submit_jobs == 0 and association.limits.max_active_jobs == 0


def _pending(jobs: list[LiveJob]) -> list[LiveJob]:
    return [job for job in jobs if job.state is JobState.PENDING]


def _cost(job: LiveJob) -> int:
    """What a started job may come to, in GPU-seconds."""
    if job.state.is_terminal and job.end_time and job.start_time:
        return job.gpus * max(job.end_time - job.start_time, 0)
    minutes = LONGEST_MINUTES if job.time_limit_minutes is None else job.time_limit_minutes
    return job.gpus * minutes * 60


def _charged(slurm: Slurm, keys: dict[str, int]) -> list[str]:
    """Which of these runs are charged already."""
    runs = JobRun.objects.filter(
        cluster=slurm.cluster,
        charged__isnull=False,
        slurm_job_id__in=[int(key.split(":")[0]) for key in keys],
    )
    known = {run_key(run.slurm_job_id, run.submitted_at.timestamp()) for run in runs}
    return [key for key in keys if key in known]
