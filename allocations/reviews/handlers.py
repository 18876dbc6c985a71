"""What this room takes over from the rooms below."""

from allocations.programme.models import RequestStep
from allocations.programme.steps import Verdict, kind
from allocations.reviews.services import reviews_open


@kind("review")
def review(step: RequestStep) -> Verdict | None:
    """Reviewers are asked for their word; the step closes once enough have given it."""
    reviews_open(step=step)
    return None
