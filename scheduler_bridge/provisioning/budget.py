"""How much an allocation may use in Slurm: its ledger, seen from one Slurm account. In GPU-seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, Sum

from allocations.awards.models import Allocation
from allocations.ledger.selectors import Balances, balances_of, withheld_of
from scheduler_bridge.models import Job, JobRun, SlurmAccountBinding
from scheduler_bridge.transitions import JobState

# What Slurm says of a job that waits because the budget of its Slurm account is used up.
OVER_BUDGET = Q(reason__startswith="AssocGrp", reason__contains="Minutes")

Used = dict[int, dict[str, int]]  # by allocation and Slurm account


@dataclass(frozen=True)
class Budget:
    """`whole`: what the Slurm account may use, all that it has used included. `rest`: the part of it by which
    jobs of earlier generations needed less than was reserved for them (negative: more)."""

    whole: int
    rest: int


def budgets_of(
    allocations: Iterable[Allocation], bindings: Mapping[int, Sequence[SlurmAccountBinding]]
) -> dict[int, Budget]:
    """Each allocation's budget for the last of its `bindings`, by the allocation's id.

    Granted less returned less spent, and what this Slurm account used itself added again, for Slurm counts
    that: so an ordinary charge changes nothing, and a refund, of which Slurm knows nothing, raises the
    budget. What is kept for later instalments is left out until it is released, and what jobs still running
    in earlier generations may cost.
    """
    allocations = list(allocations)
    standing, used = _books(allocations)
    current = {pk: mine[-1] for pk, mine in bindings.items() if mine}
    settled = _charged_of_reserved(current.values())
    holding = [code for code, balances in standing.items() if balances.held]
    withheld = withheld_of(holding) if holding else {}
    found = {}
    for allocation in allocations:
        balances, binding = standing[allocation.code], current.get(allocation.pk)
        whole, rest = balances.committed - balances.spent - withheld.get(allocation.code, 0), 0
        if binding is not None:
            whole += used.get(allocation.pk, {}).get(binding.slurm_account, 0) + binding.counted_before
            for key, reserved in binding.reserved.items():
                charged = settled.get((binding.pk, key))
                if charged is None:
                    whole -= reserved
                else:
                    rest += reserved - charged
        found[allocation.pk] = Budget(whole, rest)
    return found


def needing_the_rest(pks: Iterable[int]) -> set[int]:
    """Of these allocations, those of which nothing runs, or of which a job waits for budget in Slurm."""
    pks = list(pks)
    if not pks:
        return set()
    runs = JobRun.objects.filter(allocation=OuterRef("pk"), charged=None, started_at__isnull=False)
    jobs = Job.objects.filter(allocation=OuterRef("pk"))
    waits = Exists(jobs.filter(OVER_BUDGET, state=JobState.QUEUED))
    rests = ~Exists(runs) & ~Exists(jobs.filter(state=JobState.RUNNING))
    return set(Allocation.objects.filter(waits | rests, pk__in=pks).values_list("pk", flat=True))


def _books(allocations: list[Allocation]) -> tuple[dict[str, Balances], Used]:
    """The ledger and what the runs used, read as of one moment: a charge posted in between would look like a
    change of the budget."""
    standing: dict[str, Balances] = {}
    used: Used = {}
    left, before = allocations, _used(allocations)
    while left:  # only what changed in between is read again
        standing |= balances_of([allocation.code for allocation in left])
        after = _used(left)
        used |= after
        left = [one for one in left if before.get(one.pk) != after.get(one.pk)]
        before = after
    return standing, used


def _used(allocations: list[Allocation]) -> Used:
    runs = JobRun.objects.filter(allocation__in=[allocation.pk for allocation in allocations])
    sums = runs.values_list("allocation", "slurm_account").annotate(total=Sum("charged"))
    found: Used = {}
    for allocation, account, total in sums.order_by():
        found.setdefault(allocation, {})[account] = total or 0
    return found


def _charged_of_reserved(bindings: Iterable[SlurmAccountBinding]) -> dict[tuple[int, str], int]:
    """What runs for which something is reserved came to, as far as they are charged; by binding and key."""
    holding = [binding for binding in bindings if binding.reserved]
    if not holding:
        return {}
    numbers = {int(key.split(":")[0]) for binding in holding for key in binding.reserved}
    runs = JobRun.objects.filter(
        cluster__in={binding.cluster_id for binding in holding},
        slurm_job_id__in=numbers,
        charged__isnull=False,
    )
    charged = {
        (run.cluster_id, run_key(run.slurm_job_id, run.submitted_at.timestamp())): run.charged for run in runs
    }
    return {
        (binding.pk, key): charged[binding.cluster_id, key] or 0
        for binding in holding
        for key in binding.reserved
        if (binding.cluster_id, key) in charged
    }


def run_key(job_id: int, submitted: float) -> str:
    """Names a run among those for which something is reserved."""
    return f"{job_id}:{int(submitted)}"
