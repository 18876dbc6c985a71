"""What the lab consists of, as data: a further cluster or Slurm release is an entry here and no code."""

from dataclasses import dataclass, field

PARTITION = "gpu"
NODES_PER_CLUSTER = 2
GPUS_PER_NODE = 8

OPERATOR = "tqportal"
"""Holds AdminLevel Administrator at every cluster: what the portal's own slurmdb calls are signed for."""
JOB_USERS = ("tqresearcher", "tqstartup", "tqagency")
"""Linux users that jobs run as: the site logins of the portal's demo people."""
USERS = {OPERATOR: 61000, **{name: 61001 + number for number, name in enumerate(JOB_USERS)}}
SERVICE_USERS = {"slurm": 64030, "munge": 61101, "mysql": 61102, "slurmrest": 61103}
"""Whom the daemons run as: the same in every tree, for their files outlive one. slurm has Debian's number."""


@dataclass(frozen=True)
class Release:
    """One Slurm release, taken from the Debian suite that packages it."""

    name: str
    suite: str
    rest_versions: tuple[str, ...]
    restd_options: str
    ping: str
    settings: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = (
        "slurmctld",
        "slurmd",
        "slurmdbd",
        "slurmrestd",
        "slurm-client",
        "slurm-wlm-basic-plugins",
        "slurm-wlm-jwt-plugin",
        "slurm-wlm-mysql-plugin",
        "munge",
        "mariadb-server-core",
        "mariadb-client-core",
    )


@dataclass(frozen=True)
class ClusterSpec:
    """One cluster: its Slurm ClusterName, its release, and what its nodes are called and carry."""

    name: str
    release: str
    node_prefix: str
    gpu: str
    is_spare: bool = False
    """Started only when named: a site to be added while the others run."""
    settings: dict[str, str] = field(default_factory=dict)
    """Where this cluster differs from SETTINGS and from its release's: faults on purpose."""

    @property
    def database(self) -> str:
        return f"slurm_{self.name.replace('-', '_')}"

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"{self.node_prefix}{number:02d}" for number in range(1, NODES_PER_CLUSTER + 1))

    @property
    def daemons(self) -> tuple[str, ...]:
        """In the order in which they start."""
        return ("slurmdbd", "slurmctld", *(f"slurmd-{node}" for node in self.nodes), "slurmrestd")


SETTINGS = {
    "enforcement": "AccountingStorageEnforce=associations,limits,qos,safe",
    "tracked": "gres/gpu,gres/gpu:${gpu}",
    "half_life": "0",
    "reset_period": "NONE",
    "private_data": "none",
    "partition_state": "UP",
}
"""How a cluster is set up as it should be; a release adds its own."""

RELEASES = {
    release.name: release
    for release in (
        Release(
            name="22.05",
            suite="bookworm",
            rest_versions=("v0.0.38",),
            restd_options="-s openapi/v0.0.38,openapi/dbv0.0.38",
            ping="slurm/v0.0.38/ping",
            # Without a cgroup file system its slurmd starts with this plugin only.
            settings={"store_flags": "job_comment", "cgroup_plugin": "cgroup/v1"},
        ),
        Release(
            name="24.11",
            suite="trixie",
            rest_versions=("v0.0.40", "v0.0.41", "v0.0.42"),
            restd_options="-s slurmctld,slurmdbd -d v0.0.40,v0.0.41,v0.0.42",
            ping="slurm/v0.0.42/ping/",
            settings={"store_flags": "job_comment,job_extra", "cgroup_plugin": "disabled"},
        ),
    )
}

CLUSTERS = {
    cluster.name: cluster
    for cluster in (
        ClusterSpec(name="datavault", release="22.05", node_prefix="dv", gpu="h100"),
        ClusterSpec(name="higgs", release="22.05", node_prefix="hig", gpu="l40s"),
        ClusterSpec(name="astrolabe-ned", release="24.11", node_prefix="ned", gpu="h100"),
        ClusterSpec(name="astrolabe-uet", release="24.11", node_prefix="uet", gpu="a100"),
        ClusterSpec(name="annex", release="24.11", node_prefix="anx", gpu="h200", is_spare=True),
        ClusterSpec(name="annex-old", release="22.05", node_prefix="ano", gpu="a40", is_spare=True),
        # What a preflight is to find: each is wrong in what the other isn't.
        ClusterSpec(
            name="broken",
            release="24.11",
            node_prefix="brk",
            gpu="h200",
            is_spare=True,
            settings={
                "enforcement": "AccountingStorageEnforce=associations,limits,qos",
                "half_life": "7-0",
                "store_flags": "job_extra",
                "private_data": "jobs,usage",
                "partition_state": "DOWN",
            },
        ),
        ClusterSpec(
            name="broken-old",
            release="22.05",
            node_prefix="bro",
            gpu="a40",
            is_spare=True,
            settings={
                "enforcement": "",
                "tracked": "billing",
                "reset_period": "MONTHLY",
                "store_flags": "job_env",
            },
        ),
    )
}
