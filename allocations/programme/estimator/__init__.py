"""From a description of the work (“fine-tune 7B parameters on 200 M tokens”) to a range of GPU-hours.

Pure functions over data files: `gpus.toml` (what a GPU can do), `published.toml` (runs whose cost is known,
against which `tests/unit/test_estimator.py` checks the formulas). Nothing here touches the database.
"""

from allocations.programme.estimator.data import GPUS, PUBLISHED, Gpu, Published, gpu_named
from allocations.programme.estimator.formulas import Estimate, Range, Scale, Work, estimate
from allocations.programme.estimator.kinds import KINDS, Kind
from allocations.programme.estimator.quantities import parse_quantity, short

__all__ = [
    "GPUS",
    "KINDS",
    "PUBLISHED",
    "Estimate",
    "Gpu",
    "Kind",
    "Published",
    "Range",
    "Scale",
    "Work",
    "estimate",
    "gpu_named",
    "parse_quantity",
    "short",
]
