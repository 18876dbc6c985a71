"""Reviewers' profiles, and the rules by which they are found."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.projects.models import Sector
from allocations.reviews.models import ReviewerProfile, ReviewRules
from portal.foundation.errors import InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, records
from portal.foundation.text import fold_line

MOST_KEYWORDS = 40
LONGEST_KEYWORD = 60


@transaction.atomic
def profile_change(
    *,
    actor: Any,
    keywords: Iterable[str],
    sectors: Collection[Sector],
    most_open: int,
    available_from: date | None = None,
    available_until: date | None = None,
) -> ReviewerProfile:
    """Say what one knows and how much one takes on. For reviewers, about themselves.

    Raises NotAllowed, InvalidInput for keywords that are too many or too long, for a number out of 1 to 20,
    and for days in the wrong order.
    """
    require(actor, "reviews.review", message=_("Only reviewers have such a profile."))
    if available_from and available_until and available_until < available_from:
        raise InvalidInput(
            _("You are available until a day before the first."),
            field="available_until",
            remedy=_("Choose a later day, or leave it empty."),
        )
    profile = ReviewerProfile.objects.select_for_update().filter(user=actor).first()
    before = _facts(profile) if profile else {}
    profile = profile or ReviewerProfile(user=actor)
    profile.keywords = _cleaned(keywords)
    profile.most_open = most_open
    profile.available_from, profile.available_until = available_from, available_until
    records.check(profile)
    profile.save()
    profile.sectors.set(sectors)
    after = _facts(profile)
    if after != before:
        audit.record(
            actor=actor, action="reviewer_profile_change", target=profile, before=before, after=after
        )
    return profile


@transaction.atomic
def rules_change(*, actor: Any, automatic_up_to: int, grace_days: int) -> ReviewRules:
    """Set how reviewers are found and waited for. For programme admins; raises InvalidInput, NotAllowed."""
    require(actor, "reviews.manage_pool")
    require_second_factor(actor)
    ReviewRules.objects.get_or_create(pk=1)
    return records.update(
        actor=actor,
        action="review_rules_change",
        record=ReviewRules.objects.get(pk=1),
        changes={"automatic_up_to": automatic_up_to, "grace_days": grace_days},
    )


def _cleaned(keywords: Iterable[str]) -> list[str]:
    """Folded, each once, in the order given."""
    found = dict.fromkeys(word for keyword in keywords if (word := fold_line(keyword)))
    if len(found) > MOST_KEYWORDS:
        raise InvalidInput(
            _("These are more than %(most)s keywords.") % {"most": MOST_KEYWORDS},
            field="keywords",
            remedy=_("Keep those that tell most."),
        )
    if long := next((word for word in found if len(word) > LONGEST_KEYWORD), ""):
        raise InvalidInput(
            _("“%(word)s” is too long for a keyword.") % {"word": long[:80]},
            field="keywords",
            remedy=_("Separate keywords by commas or new lines; at most 60 characters each."),
        )
    return list(found)


def _facts(profile: ReviewerProfile) -> dict[str, Any]:
    return {
        **profile.snapshot("most_open", "available_from", "available_until"),
        "keywords": list(profile.keywords),
        "sectors": sorted(profile.sectors.values_list("code", flat=True)),
    }
