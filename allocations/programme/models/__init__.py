from allocations.programme.models.call import Call, CallBudget, CallDocument
from allocations.programme.models.decision import Decision, DecisionLine, Fulfilment, WaitingEntry
from allocations.programme.models.request import (
    AllocationRequest,
    Attachment,
    Message,
    RequestLine,
    RequestVersion,
    RunRow,
)
from allocations.programme.models.saves import DraftSaves
from allocations.programme.models.step import Conflict, RequestStep, SiteConsent
from allocations.programme.models.track import Criterion, Rubric, Track, TrackStep, TrackVersion

__all__ = [
    "AllocationRequest",
    "Attachment",
    "Call",
    "CallBudget",
    "CallDocument",
    "Conflict",
    "Criterion",
    "Decision",
    "DecisionLine",
    "DraftSaves",
    "Fulfilment",
    "Message",
    "RequestLine",
    "RequestStep",
    "RequestVersion",
    "Rubric",
    "RunRow",
    "SiteConsent",
    "Track",
    "TrackStep",
    "TrackVersion",
    "WaitingEntry",
]
