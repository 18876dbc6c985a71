"""What came of a call, as everybody may read it: organisations and amounts, never a person."""

from collections.abc import Iterable
from dataclasses import dataclass

from allocations.programme.models import AllocationRequest, Call, Decision
from allocations.programme.selectors import with_decisions
from allocations.programme.transitions import RequestState
from datacenters.models import DataClass

# What is said about work on such data might tell of the data.
ABSTRACT_WITHHELD = frozenset({DataClass.RESTRICTED, DataClass.SENSITIVE, DataClass.SECRET})


@dataclass(frozen=True)
class Result:
    """One request that was granted. `title` is None where its abstract is withheld."""

    organisation: str
    title: str | None
    outcome: str
    reason_code: str
    reason: str
    gpu_seconds: int


@dataclass(frozen=True)
class Results:
    """Declined requests are only counted: nobody is put in the pillory."""

    granted: list[Result]
    declined: int


def results_of(call: Call) -> Results | None:
    """None until they are published."""
    if call.results_at is None:
        return None
    decided = call.requests.filter(state__in=[RequestState.APPROVED, RequestState.DECLINED])
    granted = with_decisions(
        decided.filter(state=RequestState.APPROVED)
        .select_related("project__organisation")
        .order_by("project__organisation__name", "id")
    )
    return Results(
        granted=[_result(request) for request in granted],
        declined=decided.filter(state=RequestState.DECLINED).count(),
    )


def _result(request: AllocationRequest) -> Result:
    decision = _last(request.decisions.all())
    withheld = request.abstract_withheld or request.project.data_class in ABSTRACT_WITHHELD
    return Result(
        organisation=str(request.project.organisation),
        title=None if withheld else request.project.title,
        outcome=decision.get_outcome_display(),
        reason_code=decision.reason_code,
        reason=decision.get_reason_code_display(),
        gpu_seconds=sum(line.gpu_seconds for line in decision.lines.all()),
    )


def _last(decisions: Iterable[Decision]) -> Decision:
    """The word that carried the award."""
    return [word for word in decisions if word.outcome == Decision.Outcome.APPROVED][-1]
