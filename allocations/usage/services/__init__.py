"""Usage is written by the bridge's ingestion, in the transaction that charges it."""

from allocations.usage.services.usage import usage_correct, usage_record

__all__ = ["usage_correct", "usage_record"]
