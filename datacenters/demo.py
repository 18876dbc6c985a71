"""The four demonstration sites. Facts carry their source; hardware, capacity and rates are ILLUSTRATIVE."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from datacenters.models import Accreditation, Capacity, Cluster, DataClass, Resource, Site, SiteRole
from datacenters.services.resources import capacity_announce
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.services import audit
from portal.people.models import User

GPUS, GPUS_PER_NODE = 16, 8
# The share of what the GPUs can give that the programme may award.
AWARDABLE_PERCENT = 80
QUARTERS = 4
SITE_MANAGER = "site@demo.taqseem.test"
ILLUSTRATIVE = "ILLUSTRATIVE"
# Where a cluster stands that nothing runs for yet: the discard port, which never answers.
NOWHERE = "http://127.0.0.1:9"
# Clusters of the lab that are called otherwise than their site.
LAB_SITES = {"datavault": "data-vault"}


@dataclass(frozen=True)
class DemoSite:
    code: str
    name: str
    city: str
    province: str
    description: str
    source: str
    gpu_model: str
    gres_type: str
    rate_pkr: int
    charge_factor: str = "1"
    accredited: tuple[DataClass, ...] = ()
    illustrative: bool = False


SITES = (
    DemoSite(
        code="data-vault",
        name="Data Vault Pakistan",
        city="Karachi",
        province="sindh",
        description=(
            "AI-centric data centre for startups, researchers and government agencies, "
            "fully solar-powered by its operator's account, launched in late June 2025. "
            "More than 3,000 GPUs is a claim in the press and no capacity of this portal."
        ),
        source="Arab News, https://www.arabnews.com/node/2624100",
        gpu_model="NVIDIA H100 80 GB",
        gres_type="h100",
        rate_pkr=650,
        accredited=(DataClass.RESTRICTED, DataClass.SENSITIVE),
    ),
    DemoSite(
        code="astrolabe-ned",
        name="Astrolabe NED",
        city="Karachi",
        province="sindh",
        description=(
            "HEC's modular, prefabricated data centre at NED University for students and researchers, "
            "February 2025, of TIA-942 Rated-3 design. GPU counts are not public."
        ),
        source="Dawn, https://www.dawn.com/news/1796567",
        gpu_model="NVIDIA H100 80 GB",
        gres_type="h100",
        rate_pkr=600,
        accredited=(DataClass.RESTRICTED,),
    ),
    DemoSite(
        code="astrolabe-uet",
        name="Astrolabe UET",
        city="Lahore",
        province="punjab",
        description=(
            "HEC's modular, prefabricated data centre at UET Lahore for students and researchers, "
            "February 2025, of TIA-942 Rated-3 design. GPU counts are not public."
        ),
        source="Dawn, https://www.dawn.com/news/1796567",
        gpu_model="NVIDIA A100 80 GB",
        gres_type="a100",
        rate_pkr=350,
        charge_factor="0.5",
        accredited=(DataClass.RESTRICTED,),
    ),
    DemoSite(
        code="higgs",
        name="Higgs Computing",
        city="",
        province="",
        description=(
            "Holder of Pakistan's first blockchain-based HPC licence, May 2025; 7 MW of surplus grid power. "
            "Its place and whether it runs Slurm are not public: it is connected here as an example."
        ),
        source="ARY News, 29 May 2025, "
        "https://arynews.tv/pakistan-issues-first-blockchain-based-hpc-license-to-higgs-computing/",
        gpu_model="NVIDIA L40S 48 GB",
        gres_type="l40s",
        rate_pkr=200,
        charge_factor="0.3",
        illustrative=True,
    ),
)


def seed() -> None:
    """Plant what is missing, and lead the clusters to the sandbox or lab that runs now.

    Nothing else that is there is changed. The environment names where this run's clusters stand:
    TAQSEEM_SANDBOX_STATE (all four) and TAQSEEM_LAB_STATE (real Slurm; it goes before the sandbox).
    """
    connections = _sandbox_connections() | _lab_connections()
    for facts in SITES:
        site = Site.objects.filter(code=facts.code).first() or _plant(facts)
        _connect(site.cluster, connections.get(facts.code, {}))
        _plant_capacities(site)
    _plant_manager()


def _plant(facts: DemoSite) -> Site:
    site = Site.objects.create(
        code=facts.code,
        name=facts.name,
        city=facts.city,
        province=facts.province,
        description=facts.description,
        source=facts.source,
        illustrative=facts.illustrative,
    )
    cluster = Cluster.objects.create(
        code=facts.code,
        site=site,
        slurm_name=facts.code,
        url=NOWHERE,
        signer=f"{facts.code}.key",
        is_sandbox=True,
    )
    Resource.objects.create(
        code=f"{facts.code}-{facts.gres_type}",
        site=site,
        cluster=cluster,
        name=f"{facts.name} {facts.gres_type.upper()}",
        gpu_model=facts.gpu_model,
        gres_type=facts.gres_type,
        partition="gpu",
        gpu_count=GPUS,
        gpus_per_node=GPUS_PER_NODE,
        max_gpus_per_job=GPUS_PER_NODE,
        charge_factor=facts.charge_factor,
        rate_pkr=facts.rate_pkr,
        illustrative=True,
    )
    for data_class in facts.accredited:
        Accreditation.objects.create(
            site=site,
            data_class=data_class,
            expires_on=clock.today() + timedelta(days=365),
            reference=ILLUSTRATIVE,
        )
    audit.record(actor=None, action="site_create", target=site, reason="Demonstration data")
    return site


def _plant_capacities(site: Site) -> None:
    for resource in site.resources.all():
        quarter = Quarter.of(clock.today())
        for _ in range(QUARTERS):
            capacity, is_new = Capacity.objects.get_or_create(
                resource=resource,
                quarter=str(quarter),
                defaults={
                    "gpu_seconds": resource.most_gpu_seconds(quarter) * AWARDABLE_PERCENT // 100,
                    "note": ILLUSTRATIVE,
                },
            )
            if is_new:
                capacity_announce(capacity)
            quarter = quarter.next


def _plant_manager() -> None:
    manager = User.objects.filter(email=SITE_MANAGER).first()
    if manager is not None:
        for site in Site.objects.filter(code__in=[facts.code for facts in SITES]):
            SiteRole.objects.get_or_create(site=site, user=manager, role=SiteRole.Role.MANAGER)


def _connect(cluster: Cluster, connection: dict[str, Any]) -> None:
    changed = [field for field, value in connection.items() if getattr(cluster, field) != value]
    for field in changed:
        setattr(cluster, field, connection[field])
    if changed:
        cluster.store(*changed)


def _sandbox_connections() -> dict[str, dict[str, Any]]:
    """Each cluster's key lies beside the state file."""
    state = Path(os.environ.get("TAQSEEM_SANDBOX_STATE", ""))
    return {
        name: {
            "slurm_name": name,
            "url": one["rest_url"],
            "api_version": one["rest_versions"][-1],
            "signer": str(state.absolute().with_name(f"{name}.key")),
            "is_sandbox": True,
        }
        for name, one in _clusters_in("TAQSEEM_SANDBOX_STATE").items()
    }


def _lab_connections() -> dict[str, dict[str, Any]]:
    return {
        LAB_SITES.get(name, name): {
            "slurm_name": name,
            "url": one["rest_url"],
            "api_version": one["rest_versions"][-1],
            "signer": one["jwt_key"],
            "is_sandbox": False,
            "operator_login": one["operator"],
        }
        for name, one in _clusters_in("TAQSEEM_LAB_STATE").items()
    }


def _clusters_in(variable: str) -> dict[str, Any]:
    """The clusters that the named state file tells of; none where there is no such file."""
    path = os.environ.get(variable)
    if not path or not Path(path).exists():
        return {}
    clusters: dict[str, Any] = json.loads(Path(path).read_text())["clusters"]
    return clusters
