"""The formulas: operations ÷ what a GPU does of them in an hour.

GPU-hours = FLOPs × overhead ÷ (peak FLOP/s × utilisation × 3600). Each factor has a least and a most, so the
result is a range; its middle is the geometric mean of both ends.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from django.utils.translation import gettext as _

from allocations.programme.estimator.data import Gpu
from allocations.programme.estimator.kinds import WRITING_UTILISATION, Kind
from allocations.programme.estimator.quantities import short

# How many GPUs one looks at to make a number of GPU-hours imaginable.
STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
BEARABLE_DAYS = 14


@dataclass(frozen=True)
class Work:
    """What is to be computed; each kind reads the fields that it names.

    `tokens` are those of one epoch (for inference: those read), `generated` those written, `gmacs` billions
    of multiply-adds for one picture, `hours` wall-clock hours of one run.
    """

    kind: Kind
    gpu: Gpu
    parameters: float = 0
    tokens: float = 0
    epochs: float = 1
    generated: float = 0
    images: float = 0
    gmacs: float = 0
    gpus: float = 0
    hours: float = 0
    runs: float = 1


@dataclass(frozen=True)
class Range:
    low: float
    high: float

    @property
    def middle(self) -> float:
        return sqrt(self.low * self.high)

    def times(self, low: float, high: float) -> "Range":
        return Range(self.low * low, self.high * high)


@dataclass(frozen=True)
class Scale:
    """The middle as something one can picture: so many GPUs for so many days."""

    gpus: int
    days: float


@dataclass(frozen=True)
class Estimate:
    """`gpu_hours` is the answer; `flops` and `utilisation` (None where hours were known) and `assumptions`
    are how it came about. `least_gpus` is how many GPUs it takes to hold the model."""

    work: Work
    gpu_hours: Range
    flops: Range | None
    utilisation: Range | None
    least_gpus: int
    scale: Scale
    assumptions: tuple[str, ...]


def estimate(work: Work) -> Estimate:
    """The range of GPU-hours that `work` takes, with its assumptions in the active language."""
    kind, gpu = work.kind, work.gpu
    if kind.key == "known":
        hours, flops, utilisation = _known(work)
    else:
        flops = _flops(work)
        utilisation = Range(*gpu.utilisation).times(*kind.efficiency)
        hours = _writing(work) if kind.key == "inference" else Range(0, 0)
        done = _at(gpu, flops, utilisation)
        hours = Range(hours.low + done.low, hours.high + done.high)
    hours = hours.times(*kind.overhead)
    least = max(1, ceil(work.parameters * kind.memory / (gpu.memory_gb * 1e9)))
    return Estimate(
        work=work,
        gpu_hours=hours,
        flops=flops,
        utilisation=utilisation,
        least_gpus=least,
        scale=scale_of(hours.middle, least),
        assumptions=tuple(str(text) for text in _assumptions(work, flops, utilisation, least)),
    )


def scale_of(gpu_hours: float, least_gpus: int = 1) -> Scale:
    """The fewest GPUs (of the usual steps) that get through `gpu_hours` in a bearable time."""
    enough = [gpus for gpus in STEPS if gpus >= least_gpus]
    for gpus in enough:
        if gpu_hours / gpus <= BEARABLE_DAYS * 24:
            return Scale(gpus, gpu_hours / gpus / 24)
    most = enough[-1] if enough else least_gpus
    return Scale(most, gpu_hours / most / 24)


def _known(work: Work) -> tuple[Range, None, None]:
    hours = work.gpus * work.hours * work.runs
    return Range(hours, hours), None, None


def _flops(work: Work) -> Range:
    """Operations of training, or of reading where the kind is inference."""
    kind = work.kind
    if kind.key == "vision":
        units = work.images * work.epochs * work.gmacs * 1e9
    elif kind.key == "inference":
        units = work.parameters * work.tokens
    else:
        units = work.parameters * work.tokens * work.epochs
    return Range(units, units).times(*kind.flops)


def _writing(work: Work) -> Range:
    """Hours of writing tokens, which wait for memory rather than for arithmetic."""
    flops = 2 * work.parameters * work.generated
    return _at(work.gpu, Range(flops, flops), Range(*WRITING_UTILISATION))


def _at(gpu: Gpu, flops: Range, utilisation: Range) -> Range:
    return Range(
        flops.low / (gpu.flops_per_hour * utilisation.high),
        flops.high / (gpu.flops_per_hour * utilisation.low),
    )


def _assumptions(work: Work, flops: Range | None, utilisation: Range | None, least: int) -> list[Any]:
    kind, gpu = work.kind, work.gpu
    told: list[Any] = [kind.cost]
    if flops and flops.high:
        told.append(
            _("In all %(least)s to %(most)s operations.")
            % {"least": f"{flops.low:.2g}", "most": f"{flops.high:.2g}"}
            if flops.low != flops.high
            else _("In all %(flops)s operations.") % {"flops": f"{flops.low:.2g}"}
        )
    if utilisation:
        told.append(
            _("%(gpu)s does at most %(tflops)s TFLOP/s in 16 bits, without sparsity (%(source)s).")
            % {"gpu": gpu.name, "tflops": f"{gpu.tflops:g}", "source": gpu.source}
        )
        told.append(
            _("%(low)s to %(high)s %% of that is reached (%(basis)s).")
            % {
                "low": f"{utilisation.low * 100:.0f}",
                "high": f"{utilisation.high * 100:.0f}",
                "basis": gpu.basis,
            }
        )
    told.append(
        _("Evaluation, checkpoints and restarts add %(low)s to %(high)s %%.")
        % {"low": f"{(kind.overhead[0] - 1) * 100:.0f}", "high": f"{(kind.overhead[1] - 1) * 100:.0f}"}
    )
    if kind.memory and work.parameters:
        told.append(
            _("%(note)s %(parameters)s parameters need %(least)s such GPUs or more.")
            % {"note": kind.memory_note, "parameters": short(work.parameters), "least": least}
        )
    return told
