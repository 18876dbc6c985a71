"""Usage is written by the bridge's ingestion, in the transaction that charges it."""

from allocations.usage.services.cube import cube_rebuild
from allocations.usage.services.usage import usage_correct, usage_record, usage_record_many

__all__ = ["cube_rebuild", "usage_correct", "usage_record", "usage_record_many"]
