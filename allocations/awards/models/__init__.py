from allocations.awards.models.allocation import Allocation, Award
from allocations.awards.models.letter import Letter
from allocations.awards.models.reminder import Reminder

__all__ = ["Allocation", "Award", "Letter", "Reminder"]
