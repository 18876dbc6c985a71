"""Tasks only call services."""

from celery import shared_task

from allocations.ledger.services.verifying import ledger_verify


@shared_task
def verify_ledger() -> str:
    """Run by beat each night. Returns what doesn't agree, empty where all is well."""
    return ledger_verify()
