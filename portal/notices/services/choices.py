"""How somebody wants to be mailed."""

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from portal.foundation.services import audit
from portal.notices.kinds import TIMINGS, Group, Timing
from portal.notices.models import MailChoice, Notice
from portal.notices.selectors import mail_choices
from portal.people.models import User


@transaction.atomic
def mail_choices_save(*, actor: User, choices: dict[str, str]) -> dict[str, str]:
    """Set when `actor` is mailed, by group of kinds; groups that `choices` leaves out stay as they are.

    What waited for a digest of a group that is now never mailed isn't mailed any more. Raises InvalidInput,
    naming the group, for a timing that it doesn't have: duties can't wait a week, security not a day.
    """
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    before = mail_choices(actor)
    changes = {group: timing for group, timing in choices.items() if before.get(group) != timing}
    for group, timing in changes.items():
        _check(group, timing)
        MailChoice.objects.update_or_create(user=actor, group=group, defaults={"timing": timing})
        if timing == Timing.NEVER:
            waiting = Notice.objects.filter(user=actor, group=group, digest=None)
            waiting.filter(timing__in=[Timing.DAILY, Timing.WEEKLY]).update(timing=Timing.NEVER)
    if changes:
        audit.record(
            actor=actor,
            action="mail_choices_save",
            target=actor,
            before={group: before[group] for group in changes},
            after=changes,
        )
    return before | changes


def _check(group: str, timing: str) -> None:
    if group not in Group.values:
        raise InvalidInput(
            _("There is no group “%(group)s”.") % {"group": group},
            field=group,
            remedy=_("The groups are: %(groups)s.") % {"groups": ", ".join(Group.values)},
        )
    if timing not in TIMINGS[group]:
        raise InvalidInput(
            _("“%(group)s” can't be mailed that way.") % {"group": Group(group).label},
            field=group,
            remedy=_("Choose one of: %(timings)s.")
            % {"timings": ", ".join(str(allowed.label) for allowed in TIMINGS[group])},
        )
