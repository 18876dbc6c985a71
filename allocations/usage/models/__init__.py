from allocations.usage.models.usage import UsageCorrection, UsageDay, UsageRecord

__all__ = ["UsageCorrection", "UsageDay", "UsageRecord"]
