"""Appeals: in time, once, heard by others, and what follows."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.ledger.selectors import balances
from allocations.lifecycle import services
from allocations.lifecycle.models import Appeal
from allocations.programme.models import AllocationRequest
from allocations.programme.services import request_approve, request_decline
from allocations.reviews.selectors import comments_for, panel_for, scores_of
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.notices.models import Notice
from tests.cast import Cast
from tests.lifecycling import adds_up, allocated, decider, declined_change, strict_track
from tests.requesting import HOUR, declined, fund, submitted
from tests.reviewing import invited, submit

pytestmark = pytest.mark.django_db


def file(cast: Cast, subject: Any, **fields: Any) -> Appeal:
    fields.setdefault("grounds", "The baseline was read wrongly.")
    return services.appeal_file(actor=fields.pop("actor", cast.pi), subject=subject, **fields)


def decide(who: Any, appeal: Appeal, outcome: str = "upheld", reason: str = "Indeed.") -> Appeal:
    return services.appeal_decide(actor=who, appeal=appeal, outcome=outcome, reason=reason)


def in_part(cast: Cast) -> AllocationRequest:
    fund(cast.resource)
    request = submitted(cast)
    request_approve(actor=cast.council, request=request, gpu_seconds=60 * HOUR, reason="Enough to begin.")
    request.refresh_from_db()
    return request


def test_upheld_it_goes_back_to_other_deciders(cast: Cast) -> None:
    fund(cast.resource)
    request = declined(cast)
    appeal = file(cast, request)
    assert {notice.user for notice in Notice.objects.filter(kind="appeal_filed")} == {
        cast.admin,
        cast.council,
    }
    with pytest.raises(NotAllowed):
        decide(cast.council, appeal)
    assert decide(cast.admin, appeal).state == "upheld"
    request.refresh_from_db()
    assert (request.state, request.round) == ("under_review", 2)
    assert request.steps.get(round=2).state == "open"
    with pytest.raises(NotAllowed):
        request_approve(actor=cast.council, request=request, gpu_seconds=100 * HOUR)
    decision = request_approve(actor=decider("second"), request=request, gpu_seconds=100 * HOUR)
    award = decision.lines.get().award
    assert award is not None
    assert balances(award.allocation.code).available == 100 * HOUR


def test_reviews_of_before_stand_after_an_upheld_appeal(cast: Cast) -> None:
    review = submit(invited(cast)[0])
    request = review.request
    request_decline(actor=cast.council, request=request, reason="Too vague.")
    decide(cast.admin, file(cast, AllocationRequest.objects.get(pk=request.pk)))
    row = panel_for(cast.admin).get(pk=request.pk)
    assert (row.round, row.score, row.submitted_reviews) == (2, 3, 1)
    assert scores_of(row) == [3]
    request_decline(actor=decider("second"), request=row, reason="Still too vague.")
    row.refresh_from_db()
    assert comments_for(cast.pi, row) == ["A sound plan."]


def test_a_second_decline_can_be_appealed_against_anew(cast: Cast) -> None:
    request = declined(cast)
    decide(cast.admin, file(cast, request))
    request.refresh_from_db()
    request_decline(actor=decider("second"), request=request, reason="Still too vague.")
    request.refresh_from_db()
    assert file(cast, request).round == 2


def test_dismissed_the_decision_stands(cast: Cast) -> None:
    request = declined(cast)
    appeal = decide(cast.admin, file(cast, request), "dismissed", "It was read rightly.")
    assert appeal.state == "dismissed"
    request.refresh_from_db()
    assert request.state == "declined"
    assert {notice.user for notice in Notice.objects.filter(kind="appeal_dismissed")} == {
        cast.pi,
        cast.member,
    }
    with pytest.raises(IllegalState):
        file(cast, request)


def test_of_a_partial_award_the_rest_is_granted(cast: Cast) -> None:
    request = in_part(cast)
    assert decide(cast.admin, file(cast, request)).state == "upheld"
    line = request.decisions.get().lines.get()
    assert line.award is not None
    allocation = line.award.allocation
    assert balances(allocation.code).available == 100 * HOUR
    assert sorted(allocation.awards.values_list("gpu_seconds", flat=True)) == [40 * HOUR, 60 * HOUR]
    adds_up(allocation)
    with pytest.raises(IllegalState):
        file(cast, request)


def test_nothing_against_an_award_in_full(cast: Cast) -> None:
    fund(cast.resource)
    request = submitted(cast)
    request_approve(actor=cast.council, request=request, gpu_seconds=100 * HOUR)
    with pytest.raises(IllegalState):
        file(cast, request)


def test_a_declined_change_goes_back(cast: Cast) -> None:
    change = declined_change(cast, allocated(cast))
    appeal = file(cast, change)
    with pytest.raises(NotAllowed):
        decide(cast.council, appeal)
    decide(cast.admin, appeal)
    change.refresh_from_db()
    assert (change.state, change.round) == ("requested", 2)
    with pytest.raises(NotAllowed):
        services.change_decide(actor=cast.council, change=change, outcome="approved")
    change = services.change_decide(actor=decider("second"), change=change, outcome="approved")
    assert change.state == "approved"
    assert balances(change.allocation.code).available == 700 * HOUR


def test_two_persons_where_the_decision_took_two(cast: Cast) -> None:
    request = declined(cast, track=strict_track(persons=2))
    appeal = file(cast, request)
    assert appeal.persons == 2
    third, fourth = decider("third"), decider("fourth")
    assert decide(cast.admin, appeal).state == "filed"
    with pytest.raises(NotAllowed):
        decide(cast.admin, appeal)
    assert decide(third, appeal, "dismissed", "I think not.").state == "filed"
    assert decide(fourth, appeal).state == "upheld"


def test_only_in_time(cast: Cast) -> None:
    request = declined(cast, track=strict_track(appeal_days=5))
    AllocationRequest.objects.filter(pk=request.pk).update(decided_at=clock.now() - timedelta(days=6))
    with pytest.raises(IllegalState) as refusal:
        file(cast, request)
    assert refusal.value.code == "too_late"
    AllocationRequest.objects.filter(pk=request.pk).update(decided_at=clock.now() - timedelta(days=5))
    assert file(cast, request).state == "filed"


def test_withdrawn_it_is_over(cast: Cast) -> None:
    appeal = file(cast, declined(cast))
    assert services.appeal_withdraw(actor=cast.pi, appeal=appeal).state == "withdrawn"
    with pytest.raises(IllegalState):
        decide(cast.admin, appeal)


def test_grounds_and_reasons_are_needed(cast: Cast) -> None:
    request = declined(cast)
    with pytest.raises(InvalidInput) as refusal:
        file(cast, request, grounds=" ")
    assert refusal.value.field == "grounds"
    with pytest.raises(InvalidInput):
        decide(cast.admin, file(cast, request), reason=" ")


@pytest.mark.parametrize("who", ["member", "colleague", "council", "admin", "auditor", "outsider"])
def test_only_who_leads_appeals(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        file(cast, declined(cast), actor=getattr(cast, who))


@pytest.mark.parametrize("who", ["pi", "member", "reviewer", "site_manager", "auditor", "outsider"])
def test_only_other_deciders_hear_it(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        decide(getattr(cast, who), file(cast, declined(cast)))
