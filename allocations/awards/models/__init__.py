from allocations.awards.models.allocation import Allocation, Award

__all__ = ["Allocation", "Award"]
