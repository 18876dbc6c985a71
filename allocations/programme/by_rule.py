"""What rules grant an organisation in a quarter, whichever rule it is: one sum, and one bound."""

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from allocations.programme.models import DecisionLine
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.formats import hours
from portal.people.models import Organisation

# GPU-seconds that an organisation (its id) was granted by some rule since a moment.
Counts = Callable[[int, datetime], int]
_counts: list[Counts] = []


def counts_by_rule(counts: Counts) -> Counts:
    """Register what a rule of one's own granted (decorator): it counts towards the same bound."""
    _counts.append(counts)
    return counts


def granted_by_rule(organisation_id: int) -> int:
    """GPU-seconds that rules granted an organisation since this quarter began."""
    since = clock.midnight(Quarter.of(clock.today()).first_day)
    return sum(counts(organisation_id, since) for counts in _counts)


def beyond_rule(*, organisation_id: int, gpu_seconds: int, most: int | None) -> str:
    """Why a rule may not grant so much more this quarter, in words; empty where it may.

    Locks the organisation's row: one after the other, each sees what rules granted those before it.
    """
    if most is None:
        return ""
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)
    granted = granted_by_rule(organisation_id)
    if granted + gpu_seconds <= most:
        return ""
    return _("The organisation had %(granted)s GPU-hours by rule this quarter; at most %(most)s.") % {
        "granted": hours(granted),
        "most": hours(most),
    }


@counts_by_rule
def requests_by_rule(organisation_id: int, since: datetime) -> int:
    """What the rule of a track decided."""
    lines = DecisionLine.objects.filter(
        decision__decided_by=None,
        decision__created_at__gte=since,
        decision__request__project__organisation=organisation_id,
    )
    return sum(lines.values_list("gpu_seconds", flat=True))
