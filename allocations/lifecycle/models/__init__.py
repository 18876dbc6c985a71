from allocations.lifecycle.models.appeal import Appeal, AppealDecision, AppealedFulfilment
from allocations.lifecycle.models.change import ChangeDecision, ChangeKind, ChangeRequest
from allocations.lifecycle.models.reclaim import (
    ReclaimCase,
    ReclaimExemption,
    ReclaimRule,
    ReclaimRuleVersion,
)
from allocations.lifecycle.models.report import AllocationReport, ReportAnswer

__all__ = [
    "AllocationReport",
    "Appeal",
    "AppealDecision",
    "AppealedFulfilment",
    "ChangeDecision",
    "ChangeKind",
    "ChangeRequest",
    "ReclaimCase",
    "ReclaimExemption",
    "ReclaimRule",
    "ReclaimRuleVersion",
    "ReportAnswer",
]
