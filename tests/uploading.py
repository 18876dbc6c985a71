"""An unbridged site with an active allocation, its key made by openssl, and tables signed with it."""

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allocations.awards.models import Allocation
from allocations.ledger.selectors import Balances, balances
from datacenters.models import Cluster, Site
from portal.foundation import clock
from scheduler_bridge.models import UsageKey, UsageUpload
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.uploads.keys import usage_key_register
from scheduler_bridge.uploads.services import usage_upload
from scheduler_bridge.uploads.table import COLUMNS, VERSION
from tests.cast import Cast
from tests.using import allocated


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True, text=True)
    return done.stdout


def new_key(path: Path) -> str:
    """Write a private key; returns the public one."""
    openssl("genpkey", "-algorithm", "ed25519", "-out", path)
    return openssl("pkey", "-in", path, "-pubout")


@dataclass
class Away:
    """The cast's site, without Slurm; `allocation` has 100 GPU-hours from yesterday on."""

    cast: Cast
    allocation: Allocation
    key: UsageKey
    folder: Path

    def row(self, run_id: str = "run-1", **changes: Any) -> dict[str, str]:
        """Two GPUs for an hour, two hours ago."""
        end = clock.now().replace(microsecond=0) - timedelta(hours=1)
        return {
            "run_id": run_id,
            "allocation": self.allocation.code,
            "person": self.cast.pi.email,
            "gpus": "2",
            "started_at": f"{end - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            "ended_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "state": "completed",
        } | {name: str(value) for name, value in changes.items()}

    def table(self, *rows: dict[str, str]) -> bytes:
        lines = [VERSION, ",".join(COLUMNS), *(",".join(row[name] for name in COLUMNS) for row in rows)]
        return ("\n".join(lines) + "\n").encode()

    def sign(self, content: bytes, key: str = "key.pem") -> bytes:
        (self.folder / "usage.csv").write_bytes(content)
        openssl(
            "pkeyutl", "-sign", "-rawin", "-inkey", self.folder / key, "-in", self.folder / "usage.csv",
            "-out", self.folder / "usage.csv.sig",
        )  # fmt: skip
        return (self.folder / "usage.csv.sig").read_bytes()

    def upload(self, *rows: dict[str, str], **changes: Any) -> UsageUpload:
        content = changes.pop("content", None) or self.table(*rows)
        facts = {
            "actor": self.cast.site_manager,
            "site": self.cast.site,
            "filename": "usage.csv",
            "content": content,
            "signature": changes.pop("signature", None) or self.sign(content),
        }
        return usage_upload(**facts | changes)

    @property
    def balances(self) -> Balances:
        return balances(self.allocation.code)


@pytest.fixture
def away(cast: Cast, tmp_path: Path) -> Away:
    cast.resource.cluster = None
    cast.resource.save()
    Cluster.objects.all().delete()
    Site.objects.filter(pk=cast.site.pk).update(kind="unbridged")
    cast.site = Site.objects.get(pk=cast.site.pk)
    allocation = allocated(cast.project, cast.resource, by=cast.council)
    reconcile(Allocation.objects.select_related("resource__site", "resource__cluster").get(pk=allocation.pk))
    Allocation.objects.filter(pk=allocation.pk).update(starts_on=clock.today() - timedelta(days=1))
    allocation.refresh_from_db()
    public = new_key(tmp_path / "key.pem")
    key = usage_key_register(actor=cast.site_manager, site=cast.site, name="Head node", public_key=public)
    return Away(cast, allocation, key, tmp_path)
