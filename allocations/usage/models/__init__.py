from allocations.usage.models.usage import UsageDay, UsageRecord

__all__ = ["UsageDay", "UsageRecord"]
