"""Who they are in the table of permissions, and each thing in each of its states."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_expire
from allocations.lifecycle import services as lifecycle
from allocations.lifecycle.models import Appeal, ChangeRequest
from allocations.programme import services as programme
from allocations.programme.models import AllocationRequest, Conflict, Track
from allocations.projects.models import ProjectMember
from allocations.reviews import services as reviews
from allocations.reviews.models import Review
from datacenters.models import SiteRole
from portal.foundation import clock
from portal.people.models import Deputy, Membership, User
from tests.cast import Cast, person, site
from tests.lifecycling import allocated, ask, decider, strict_track
from tests.requesting import HOUR, IN_STATE, stepped, submitted
from tests.reviewing import confirmed_by_admins, in_review, invited, reviewer, submit

OF_CAST = "pi member colleague reviewer site_manager council admin auditor outsider"


# --- Who ------------------------------------------------------------------------------------------------
def company(cast: Cast) -> dict[str, User]:
    """Everybody, by their column in the table."""
    manager, ours, deputy = person("lead"), decider("ours"), person("deputy")
    ProjectMember.objects.create(project=cast.project, user=manager, role=ProjectMember.Role.MANAGER)
    Membership.objects.create(organisation=cast.organisation, user=ours)
    today = clock.today()
    Deputy.objects.create(person=cast.council, deputy=deputy, starts_on=today, ends_on=today, reason="Leave")
    of_cast = (
        "pi",
        "member",
        "colleague",
        "reviewer",
        "site_manager",
        "council",
        "admin",
        "auditor",
        "outsider",
    )
    return {name: getattr(cast, name) for name in of_cast} | {
        "manager": manager,
        "other_reviewer": reviewer("other"),
        "second_council": decider("second"),
        "council_of_ours": ours,
        "conflicted": decider("conflicted"),
        "decided_before": decider("before"),
        "deputy": deputy.fresh(),
    }


def step_aside(user: User, target: Any) -> None:
    """`user` has a real conflict of interest about the request behind `target`."""
    Conflict.objects.create(
        request=request_of(target), user=user, kind=Conflict.Kind.DECLARED, severity=Conflict.Severity.REAL
    )


def request_of(target: Any) -> AllocationRequest:
    if isinstance(target, ChangeRequest):
        return AllocationRequest.objects.get(decisions__fulfilments__award__allocation=target.allocation)
    return target if isinstance(target, AllocationRequest) else target.request


# --- Things in their states -----------------------------------------------------------------------------
@dataclass
class Stage:
    """Builds things in their states; `who` are the people of `company`."""

    cast: Cast
    who: dict[str, User]

    def request(self, state: str) -> AllocationRequest:
        if state == "in_review":
            confirmed_by_admins()
            request = in_review(self.cast)
            reviews.reviewers_invite(actor=self.cast.admin, request=request, users=[self.cast.reviewer])
            return request
        if state == "first_word":
            request = submitted(self.cast, track=strict_track(persons=2))
            programme.request_approve(actor=self.cast.council, request=request, gpu_seconds=100 * HOUR)
            return request
        if state == "reopened":
            return self._decided_appeal("upheld").request
        return IN_STATE[state](self.cast)

    def check(self, state: str) -> AllocationRequest:
        """On a track with a check by admins; `under_review` once it has passed."""
        return self._stepped(
            state,
            stepped({"kind": "technical", "roles": ["admin"]}, code="checked"),
            lambda request: programme.step_close(actor=self.cast.admin, request=request, passed=True),
        )

    def consent(self, state: str) -> AllocationRequest:
        """On a track on which the site is asked; `under_review` once it has consented."""
        return self._stepped(
            state,
            stepped({"kind": "consent", "roles": ["site"]}, code="consenting"),
            lambda request: programme.consent_answer(
                actor=self.cast.site_manager, request=request, site=self.cast.site, given=True
            ),
        )

    def review(self, state: str) -> Review:
        review = invited(self.cast)[0]
        if state == "submitted":
            submit(review)
        elif state == "recused":
            reviews.review_recuse(actor=self.cast.reviewer, review=review)
        elif state == "expired":
            Review.objects.filter(pk=review.pk).update(due_on=clock.today() - timedelta(days=30))
            reviews.reviews_sweep()
        return review

    def change(self, state: str) -> ChangeRequest:
        if state == "first_word":
            return self._first_word_on_change()
        allocation = allocated(self.cast)
        if state == "done":
            return ask(self.cast, allocation, "give_back", gpu_seconds=HOUR)
        change = ask(self.cast, allocation, "more", gpu_seconds=300 * HOUR)
        if state == "withdrawn":
            lifecycle.change_withdraw(actor=self.cast.pi, change=change)
        elif state == "lapsed":
            yesterday = clock.today() - timedelta(days=1)
            Allocation.objects.filter(pk=allocation.pk).update(starts_on=yesterday, ends_on=yesterday)
            allocation_expire(allocation=allocation)
            lifecycle.changes_lapse()
        elif state != "requested":
            outcome = "approved" if state == "approved" else "declined"
            lifecycle.change_decide(
                actor=self.who["decided_before"], change=change, outcome=outcome, reason="So."
            )
        if state == "reopened":
            appeal = lifecycle.appeal_file(actor=self.cast.pi, subject=change, grounds="Misread.")
            lifecycle.appeal_decide(actor=self.cast.admin, appeal=appeal, outcome="upheld", reason="Indeed.")
        return change

    def appeal(self, state: str) -> Appeal | AllocationRequest:
        """In the state `none` the declined request that nobody has appealed about yet."""
        if state == "none":
            return self._declined()
        if state == "first_word":
            appeal = self._filed(track=strict_track(persons=2))
            lifecycle.appeal_decide(actor=self.cast.admin, appeal=appeal, outcome="upheld", reason="Indeed.")
            return appeal
        if state == "filed":
            return self._filed()
        if state == "withdrawn":
            return lifecycle.appeal_withdraw(actor=self.cast.pi, appeal=self._filed())
        return self._decided_appeal(state)

    def _stepped(
        self, state: str, track: Track, close: Callable[[AllocationRequest], Any]
    ) -> AllocationRequest:
        if state not in ("under_review", "approved"):
            return IN_STATE[state](self.cast, track=track)
        request = submitted(self.cast, track=track)
        close(request)
        if state == "approved":
            programme.request_approve(actor=self.cast.council, request=request, gpu_seconds=100 * HOUR)
        return request

    def _declined(self, **fields: Any) -> AllocationRequest:
        return programme.request_decline(
            actor=self.who["decided_before"], request=submitted(self.cast, **fields), reason="Too vague."
        ).request

    def _filed(self, **fields: Any) -> Appeal:
        return lifecycle.appeal_file(
            actor=self.cast.pi, subject=self._declined(**fields), grounds="It was misread."
        )

    def _decided_appeal(self, outcome: str) -> Appeal:
        return lifecycle.appeal_decide(
            actor=self.cast.admin, appeal=self._filed(), outcome=outcome, reason="Indeed."
        )

    def _first_word_on_change(self) -> ChangeRequest:
        """So large a supplement that two must approve; the council has."""
        big = site("big", gpus=500, hours_a_quarter=100_000)
        SiteRole.objects.create(site=big.site, user=self.cast.site_manager, role=SiteRole.Role.MANAGER)
        change = ask(self.cast, allocated(self.cast, 49_900, resource=big), "more", gpu_seconds=10_000 * HOUR)
        return lifecycle.change_decide(actor=self.cast.council, change=change, outcome="approved")
