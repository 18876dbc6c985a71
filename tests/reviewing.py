"""Requests under review, made by the services that make them in life."""

from typing import Any

from allocations.programme.models import AllocationRequest, Rubric, Track, TrackStep, TrackVersion
from allocations.reviews import services
from allocations.reviews.models import Review, ReviewRules
from portal.people.models import ProgrammeRole, User
from tests.cast import Cast, person
from tests.requesting import submitted

CRITERIA = {"benefit": 25, "merit": 25, "readiness": 20, "governance": 15, "capacity": 15}


def reviewed_track(*, persons: int = 1, blind: str = "double") -> Track:
    """A track of two steps: so many review, one person decides."""
    code = f"reviewed-{persons}-{blind}"
    track, is_new = Track.objects.get_or_create(
        code=code, defaults={"name_en": "Reviewed", "name_ur": "جائزہ", "position": 98}
    )
    if is_new:
        version = TrackVersion.objects.create(
            track=track, number=1, by_choice=True, blind=blind, rubric=rubric()
        )
        TrackStep.objects.create(
            version=version, position=0, kind="review", roles=["reviewer"], persons=persons, working_days=5
        )
        TrackStep.objects.create(version=version, position=1, kind="decision", roles=["admin", "council"])
    return track


def rubric() -> Rubric:
    """The programme's criteria."""
    found = Rubric.objects.filter(name_en="Test").first()
    if found is None:
        found = Rubric.objects.create(name_en="Test", name_ur="ٹیسٹ")
        for position, (code, weight) in enumerate(CRITERIA.items()):
            found.criteria.create(
                code=code, name_en=code.title(), name_ur=code, weight=weight, position=position
            )
    return found


def reviewer(name: str) -> User:
    user = person(name)
    ProgrammeRole.objects.create(user=user, role=ProgrammeRole.Role.REVIEWER)
    return user


def confirmed_by_admins() -> None:
    """From now on nobody is asked by rule."""
    ReviewRules.objects.update_or_create(pk=1, defaults={"automatic_up_to": 0})


def in_review(cast: Cast, *, persons: int = 1, blind: str = "double", **fields: Any) -> AllocationRequest:
    """A request whose review step is open."""
    return submitted(cast, track=reviewed_track(persons=persons, blind=blind), **fields)


def invited(cast: Cast, *people: User, **options: Any) -> list[Review]:
    """Reviews asked by an admin of `people`, else of the cast's reviewer, of a request of theirs."""
    confirmed_by_admins()
    request = in_review(cast, **options)
    return services.reviewers_invite(actor=cast.admin, request=request, users=people or [cast.reviewer])


def word(score: int = 3) -> dict[str, Any]:
    """A complete review."""
    return {
        "scores": dict.fromkeys(CRITERIA, score),
        "recommendation": "fund",
        "comment_applicant": "A sound plan.",
        "comment_private": "Fund it in part.",
    }


def submit(review: Review, score: int = 3) -> Review:
    return services.review_submit(actor=review.reviewer, review=review, **word(score))
