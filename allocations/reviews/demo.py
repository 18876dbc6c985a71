"""Demonstration reviewers with their profiles. ILLUSTRATIVE: none of them exists."""

from allocations.projects.models import Sector
from allocations.reviews.models import ReviewerProfile
from allocations.reviews.services import profile_change
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


def _reviewer(login: str, name: str) -> User:
    email = demo.address(login)
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, demo.PASSWORD, name=name, terms_accepted_at=clock.now())
        user.emailaddress_set.create(email=email, verified=True, primary=True)
    ProgrammeRole.objects.get_or_create(user=user, role=ProgrammeRole.Role.REVIEWER)
    return user
