"""Preflights by workers: one that was asked for, and every night those of all clusters in use."""

import logging

from celery import shared_task

from datacenters.models import Cluster
from portal.foundation.services.outbox import handles
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight.services import preflight_run, preflight_start

log = logging.getLogger(__name__)


@handles("cluster_preflight")
def wake(payload: dict[str, str]) -> None:
    preflight.delay(payload["preflight"])


@shared_task
def preflight(code: str) -> None:
    """Run the preflight of this code."""
    preflight_run(PreflightRun.objects.select_related("cluster__site", "requested_by").get(code=code))


@shared_task
def preflight_nightly() -> None:
    """Have every cluster in use looked at; its managers hear of it where it has become worse."""
    for cluster in Cluster.objects.filter(is_enabled=True).select_related("site"):
        preflight_start(actor=None, cluster=cluster)
