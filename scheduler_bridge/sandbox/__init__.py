"""An embedded slurmrestd with virtual GPUs: for trying out, developing and testing without a cluster.

Each cluster speaks v0.0.38 like Slurm 22.05 or v0.0.42 like 24.11, quirks included. It runs no user script,
and keeps a journal of every submit that it accepted. The contract tests run against it and against real
Slurm; where they differ, real Slurm is right.
"""

from .config import ClusterConfig, PartitionConfig, SandboxConfig, load_config
from .server import Sandbox, SandboxServer

__all__ = ["ClusterConfig", "PartitionConfig", "Sandbox", "SandboxConfig", "SandboxServer", "load_config"]
