"""Demonstration reviewers with their profiles, and a request under review. ILLUSTRATIVE: none exists."""

from allocations.programme import services as programme
from allocations.programme.demo import Asked, submit, the_call
from allocations.programme.models import AllocationRequest
from allocations.projects.models import Sector
from allocations.reviews.models import Review, ReviewerProfile
from allocations.reviews.services import profile_change, review_accept, review_submit, reviewers_invite
from portal.foundation import clock
from portal.people import demo
from portal.people.models import ProgrammeRole, User

# Login → (name, keywords, sectors, most reviews at once).
REVIEWERS: dict[str, tuple[str, list[str], list[str], int]] = {
    "reviewer": (
        "Dr Imran Qureshi",
        ["speech recognition", "speech model", "Urdu", "language model"],
        ["education", "languages"],
        4,
    ),
    "reviewer2": (
        "Dr Hina Rauf",
        ["vision model", "satellite pictures", "wheat rust", "remote sensing"],
        ["agriculture", "climate"],
        3,
    ),
    "reviewer3": (
        "Dr Tariq Mehmood",
        ["variant calling", "genomics", "medical imaging", "screening"],
        ["health"],
        3,
    ),
    "reviewer4": (
        "Dr Zainab Abbasi",
        ["fine-tuning", "evaluation", "data governance", "efficiency"],
        ["governance", "business", "education"],
        5,
    ),
}
# Asked of these three: the first hasn't answered yet, the second has begun, the third is done.
REVIEWED = Asked(
    "agency",
    "astrolabe-uet",
    10_000,
    150,
    "A model that reads crop areas out of five years of satellite pictures, 16 GPUs for 26 days.",
)
INVITED = ("reviewer", "reviewer4", "reviewer2")


def seed() -> None:
    """Plant what is missing; change nothing that is there."""
    demo.require_demo_mode()
    for login, (name, keywords, sectors, most_open) in REVIEWERS.items():
        user = _reviewer(login, name)
        if ReviewerProfile.objects.filter(user=user).exists():
            continue
        profile_change(
            actor=user,
            keywords=keywords,
            sectors=list(Sector.objects.filter(code__in=sectors)),
            most_open=most_open,
        )
    call = the_call()
    if call is not None and (request := submit(REVIEWED, call=call)):
        _, begun, done = invite(request, INVITED)
        review_accept(actor=begun.reviewer, review=begun)
        write(done, 4)


def invite(request: AllocationRequest, logins: tuple[str, ...]) -> list[Review]:
    """The technical check passes, and these people are asked for a review, in this order."""
    admin = demo.user("admin")
    programme.step_close(actor=admin, request=request, passed=True, note="ILLUSTRATIVE. It runs.")
    request.refresh_from_db()
    people = [demo.user(login) for login in logins]
    reviewers_invite(actor=admin, request=request, users=people)
    reviews = {review.reviewer: review for review in request.reviews.select_related("reviewer")}
    return [reviews[person] for person in people]


def write(review: Review, score: int) -> None:
    """Hand in a review that gives each criterion the same score."""
    review_submit(
        actor=review.reviewer,
        review=review,
        scores=dict.fromkeys(review.rubric.criteria.values_list("code", flat=True), score),
        recommendation="fund",
        comment_applicant="ILLUSTRATIVE. A sound plan; say more about how the labels are checked.",
        comment_private="ILLUSTRATIVE. Fund it, in part if it must be.",
    )


def _reviewer(login: str, name: str) -> User:
    email = demo.address(login)
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, demo.PASSWORD, name=name, terms_accepted_at=clock.now())
        user.emailaddress_set.create(email=email, verified=True, primary=True)
    ProgrammeRole.objects.get_or_create(user=user, role=ProgrammeRole.Role.REVIEWER)
    return user
