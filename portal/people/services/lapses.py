"""Verifications that run out: the owners are told ahead of time, each time once, and when it has happened."""

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.services import audit
from portal.people.models import Verification
from portal.people.services.announce import tell
from portal.people.services.members import answering_for

# Days before the last day on which owners are told.
STEPS = (30, 14, 7, 1)
LAPSED = 0


def lapses_remind() -> int:
    """Tell the owners of every verification that comes near its end, or passed it. Returns how many.

    Run as often as one likes: each step is told once, and a step that was missed isn't made up for by more
    than the latest. A verification that another one outlives is left in peace.
    """
    today = clock.today()
    return sum(_remind(pk, today) for pk in list(_due(today).values_list("pk", flat=True)))


def _due(today: date) -> "QuerySet[Verification]":
    # Of two that end on the same day the newer one speaks.
    longer = Q(expires_on__gt=OuterRef("expires_on")) | Q(
        expires_on=OuterRef("expires_on"), pk__gt=OuterRef("pk")
    )
    outlived = Verification.objects.filter(longer, organisation=OuterRef("organisation"), state="accepted")
    near = Q()
    for step in STEPS:
        untold = Q(reminded_days__isnull=True) | Q(reminded_days__gt=step)
        near |= untold & Q(expires_on__gte=today, expires_on__lte=today + timedelta(days=step))
    over = Q(expires_on__lt=today) & (Q(reminded_days__isnull=True) | Q(reminded_days__gt=LAPSED))
    accepted = Verification.objects.filter(near | over, state="accepted", expires_on__isnull=False)
    return accepted.exclude(Exists(outlived)).order_by(F("expires_on"), "pk")


@transaction.atomic
def _remind(pk: int, today: date) -> bool:
    row = Verification.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    if row is None or row.state != Verification.State.ACCEPTED or row.expires_on is None:
        return False
    days_left = (row.expires_on - today).days
    step = LAPSED if days_left < 0 else min((step for step in STEPS if step >= days_left), default=None)
    if step is None:
        return False
    if row.reminded_days is not None and row.reminded_days <= step:
        return False
    before, row.reminded_days = row.reminded_days, step
    row.store("reminded_days")
    audit.record(
        actor=None,
        action="verification_remind",
        target=row,
        before={"reminded_days": before},
        after={"reminded_days": step},
    )
    _tell(row, days_left)
    return True


def _tell(row: Verification, days_left: int) -> None:
    organisation = row.organisation
    is_over = days_left < 0
    tell(
        users=answering_for(organisation, row.submitted_by),
        kind="verification_lapsed" if is_over else "verification_lapses",
        subject=(
            gettext_noop("The verification of %(organisation)s has lapsed")
            if is_over
            else gettext_noop("The verification of %(organisation)s ends on %(until)s")
        ),
        body=(
            gettext_noop(
                "It ended on %(until)s. Until it is renewed %(organisation)s can't ask for GPU-hours; "
                "what was awarded goes on. Renew it from the organisation's page."
            )
            if is_over
            else gettext_noop(
                "After %(until)s %(organisation)s can't ask for GPU-hours until it is verified again. "
                "Renew it now from the organisation's page; the present one holds until then."
            )
        ),
        params={"organisation": organisation.name, "until": str(row.expires_on)},
        url=organisation.get_absolute_url(),
    )
