"""Who decides may name somebody to stand in for a time: for holidays, illness, travel."""

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.policies import allowed, require, require_second_factor
from portal.foundation.services import audit, records
from portal.people.models import Deputy, User
from portal.people.services._gate import require_reason
from portal.people.services.announce import tell

MOST_DAYS = 180
ADDRESS = "/deputies/"


@transaction.atomic
def deputy_name(*, actor: Any, email: str, starts_on: date, ends_on: date, reason: str) -> Deputy:
    """Let whoever has proved `email` decide in the actor's seat from `starts_on` to `ends_on`, both included.

    Raises InvalidInput (email, starts_on, ends_on, reason), NotAllowed, SecondFactorNeeded.
    """
    require(
        actor,
        "people.name_deputy",
        message=_("Only people who decide something can name a deputy: you have no such role."),
    )
    require_second_factor(actor)
    _check_period(starts_on, ends_on)
    deputy = _checked_deputy(actor, email)
    # Both held, in one order: so that nobody becomes a link in a chain from two sides at once.
    list(User.objects.select_for_update().filter(pk__in=[actor.pk, deputy.pk]).order_by("pk"))
    _check_others(actor, deputy, starts_on, ends_on)
    row = records.insert(
        actor=actor,
        action="deputy_name",
        record=Deputy(
            person=actor, deputy=deputy, starts_on=starts_on, ends_on=ends_on, reason=require_reason(reason)
        ),
        shown=("person", "deputy", "starts_on", "ends_on"),
        reason=reason.strip(),
    )
    tell(
        users=[deputy],
        kind="deputy_named",
        subject=gettext_noop("You stand in for %(person)s"),
        body=gettext_noop(
            "From %(start)s to %(end)s you may decide in the place of %(person)s. Reason: %(reason)s."
        ),
        params=_params(row) | {"reason": row.reason},
        url=ADDRESS,
    )
    return row


@transaction.atomic
def deputy_end(*, actor: Any, deputy: Deputy) -> Deputy:
    """End it at once. For the person, the deputy themself and admins. Raises IllegalState, NotAllowed."""
    row = Deputy.objects.select_for_update(of=("self",)).get(pk=deputy.pk)
    if actor.pk not in (row.person_id, row.deputy_id) and not allowed(actor, "people.administer"):
        raise NotAllowed(_("Only the person, the deputy or a programme admin can end this."))
    if not row.is_open:
        raise IllegalState(_("This is over already."))
    return end(actor, row)


def end_all_of(actor: Any, user: User) -> None:
    """End everything in which `user` is a party, in the caller's transaction."""
    open_rows = Deputy.objects.open().filter(Q(person=user) | Q(deputy=user))
    for row in open_rows.select_for_update(of=("self",)).order_by("pk"):
        end(actor, row)


def end(actor: Any, row: Deputy) -> Deputy:
    """Mark a locked row as ended, with audit and notices to both but the one who did it."""
    row.ended_at = clock.now()
    row.store("ended_at")
    audit.record(actor=actor, action="deputy_end", target=row, after=row.snapshot("ended_at"))
    tell(
        users=[user for user in (row.person, row.deputy) if user.pk != actor.pk],
        kind="deputy_ended",
        subject=gettext_noop("%(deputy)s no longer stands in for %(person)s"),
        body=gettext_noop("It was ended early. The seat of %(person)s is their own again."),
        params=_params(row),
        url=ADDRESS,
    )
    return row


def _params(row: Deputy) -> dict[str, str]:
    return {
        "person": str(row.person),
        "deputy": str(row.deputy),
        "start": str(row.starts_on),
        "end": str(row.ends_on),
    }


def _check_period(starts_on: date, ends_on: date) -> None:
    if starts_on < clock.today():
        raise InvalidInput(
            _("The first day is over."), field="starts_on", remedy=_("Choose today or a later day.")
        )
    if ends_on < starts_on:
        raise InvalidInput(
            _("The last day lies before the first."), field="ends_on", remedy=_("Choose a later day.")
        )
    if ends_on >= starts_on + timedelta(days=MOST_DAYS):
        raise InvalidInput(
            _("A deputy stands in for at most %(most)s days.") % {"most": MOST_DAYS},
            field="ends_on",
            remedy=_("For longer, ask a programme admin to give them the role itself."),
        )


def _checked_deputy(actor: Any, email: str) -> User:
    deputy = User.objects.filter(
        emailaddress__email__iexact=email.strip(), emailaddress__verified=True, is_active=True
    ).first()
    if deputy is None:
        raise InvalidInput(
            _("Nobody who can sign in has this address."),
            field="email",
            remedy=_("Ask them which address they use here, or to sign up first."),
        )
    if deputy.pk == actor.pk:
        raise InvalidInput(
            _("You can't stand in for yourself."), field="email", remedy=_("Name somebody else.")
        )
    if settings.REQUIRE_SECOND_FACTOR and not deputy.has_second_factor:
        raise InvalidInput(
            _("%(person)s has no second factor, which deciding asks for.") % {"person": deputy},
            field="email",
            remedy=_("Ask them to set one up under “Sign-in and security” first."),
        )
    return deputy


def _check_others(actor: Any, deputy: User, starts_on: date, ends_on: date) -> None:
    at_once = Deputy.objects.filter(ended_at__isnull=True, starts_on__lte=ends_on, ends_on__gte=starts_on)
    if at_once.filter(person=actor).exists():
        raise InvalidInput(
            _("You have a deputy on some of these days."),
            field="starts_on",
            remedy=_("End that one first, or choose other days."),
        )
    if at_once.filter(person=deputy).exists():
        raise InvalidInput(
            _("%(person)s is away on some of these days and has a deputy.") % {"person": deputy},
            field="email",
            remedy=_("Name somebody who is there; deputies have no deputies."),
        )
    if at_once.filter(deputy=actor).exists():
        raise InvalidInput(
            _("You stand in for somebody on some of these days; deputies have no deputies."),
            field="starts_on",
            remedy=_("Ask the person for whom you stand in to name somebody else first."),
        )
