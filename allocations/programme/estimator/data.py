"""The data files, read once."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Gpu:
    """`tflops`: the peak of dense 16-bit matrix operations; `utilisation`: the share of it that training
    runs reached, worst and best; `basis` and `source` say where both come from."""

    key: str
    name: str
    matches: tuple[str, ...]
    tflops: float
    memory_gb: float
    utilisation: tuple[float, float]
    basis: str
    source: str

    @property
    def flops_per_hour(self) -> float:
        return self.tflops * 1e12 * 3600


@dataclass(frozen=True)
class Published:
    """A run whose GPU-hours its makers published."""

    name: str
    kind: str
    gpu: Gpu
    amounts: dict[str, float]
    gpu_hours: float
    source: str
    note: str = ""


def _gpus() -> dict[str, Gpu]:
    rows = tomllib.loads((HERE / "gpus.toml").read_text())
    return {
        key: Gpu(
            key=key,
            **row | {"matches": tuple(row["matches"]), "utilisation": tuple(row["utilisation"])},
        )
        for key, row in rows.items()
    }


def _published() -> tuple[Published, ...]:
    amounts = {"parameters", "tokens", "images", "gmacs", "epochs"}

    def run(row: dict[str, Any]) -> Published:
        rest = {key: value for key, value in row.items() if key not in amounts}
        return Published(
            **rest | {"gpu": GPUS[row["gpu"]]},
            amounts={key: float(row[key]) for key in amounts & row.keys()},
        )

    return tuple(run(row) for row in tomllib.loads((HERE / "published.toml").read_text())["run"])


GPUS = _gpus()
PUBLISHED = _published()


def gpu_named(model: str) -> Gpu | None:
    """The GPU that a resource's `gpu_model` (free text) names: the longest match, or None."""
    text = re.sub(r"[^a-z0-9]+", " ", model.lower())
    matches = [
        (len(match), gpu)
        for gpu in GPUS.values()
        for match in gpu.matches
        if re.search(rf"\b{match.replace('-', ' ')}(?![0-9])", text)
    ]
    return max(matches, key=lambda found: found[0])[1] if matches else None
