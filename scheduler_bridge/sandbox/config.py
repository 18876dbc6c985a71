"""The sandbox's configuration: which clusters, with which virtual hardware. Unknown keys are refused."""

from pathlib import Path
from typing import Literal

import msgspec

REST_VERSIONS = {"22.05": ("v0.0.38",), "24.11": ("v0.0.42",)}
"""What a cluster of each Slurm release answers."""


class PartitionConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`nodes` equal nodes; CPUs, memory (MiB) and GPUs count per node."""

    name: str
    nodes: int = 1
    gpus_per_node: int = 8
    gpu_type: str = "h100"
    cpus: int = 64
    memory_mb: int = 500_000
    max_time_minutes: int = 2880


class ClusterConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One cluster on its own loopback port (0: any free one). `users` None lets every name in; `release` is
    the Slurm release whose REST version and quirks it has."""

    name: str
    jwt_key_file: str
    partitions: tuple[PartitionConfig, ...]
    port: int = 0
    users: tuple[str, ...] | None = None
    admins: tuple[str, ...] = ("tqportal",)
    release: Literal["22.05", "24.11"] = "24.11"


class SandboxConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`speed` divides the run times and time limits of jobs; every timestamp stays true wall time, so that
    elapsed times, tokens and windows agree with everybody else's clock. A job whose script says nothing
    about its run time takes `run_fraction` of its time limit."""

    clusters: tuple[ClusterConfig, ...]
    speed: float = 1.0
    run_fraction: float = 0.1
    slurmdb_lag_s: float = 2.3
    min_job_age_s: int = 300


def load_config(path: Path) -> SandboxConfig:
    """Raises ValueError naming the field that is wrong."""
    try:
        return check_config(msgspec.json.decode(path.read_bytes(), type=SandboxConfig))
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: {error}") from None


def check_config(config: SandboxConfig) -> SandboxConfig:
    """The same configuration, if it makes sense. Raises ValueError."""
    names = [cluster.name for cluster in config.clusters]
    if not names or len(set(names)) < len(names):
        raise ValueError("clusters: name at least one, each name once.")
    for cluster in config.clusters:
        if not cluster.partitions:
            raise ValueError(f"cluster {cluster.name}: give it at least one partition.")
        if not Path(cluster.jwt_key_file).is_file():
            raise ValueError(f"cluster {cluster.name}: jwt_key_file {cluster.jwt_key_file} does not exist.")
    if config.speed <= 0:
        raise ValueError("speed: give a number above 0.")
    return config
