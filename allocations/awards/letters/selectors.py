"""Whose letter one may have, and whether a code is that of a letter."""

from typing import Any

from django.core.validators import slug_re
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation, Award, Letter
from allocations.awards.selectors import visible_to
from allocations.awards.transitions import ENDED, AllocationState
from portal.foundation import clock


def awards_visible_to(user: Any) -> QuerySet[Award]:
    """The awards of every allocation that `user` may see."""
    return _whole(Award.objects.filter(allocation__in=visible_to(user).order_by().values("pk")))


def letter_of_code(code: str) -> Letter | None:
    """The letter with this code, however it was typed; None where there is none. For everybody."""
    typed = "".join(code.lower().split())
    if not slug_re.match(typed):
        return None
    return (
        Letter.objects.select_related("award__allocation__project__organisation").filter(code=typed).first()
    )


def standing_of(letter: Letter) -> str:
    """What has become of the award, in words."""
    allocation: Allocation = letter.award.allocation
    if allocation.state == AllocationState.REVOKED:
        return _("It was revoked.")
    if allocation.ends_on < clock.today():
        return _("Its period is over.")
    return _("It ended early.") if allocation.state in ENDED else _("It is in force.")


def _whole(awards: QuerySet[Award]) -> QuerySet[Award]:
    return awards.select_related("allocation__project__organisation", "allocation__resource__site")
