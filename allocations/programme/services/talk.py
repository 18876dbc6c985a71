"""The thread of a request, and conflicts of interest that people declare."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest, Conflict, Message
from allocations.programme.policies import may_read_internal
from allocations.programme.services._gate import locked
from allocations.programme.services.announce import tell_message
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def message_write(
    *, actor: User, request: AllocationRequest, text: str, audience: str = Message.Audience.ALL
) -> Message:
    """Ask or answer. For the project's members and those who see the request by duty; the latter may also
    write among themselves. What is written stays. Raises InvalidInput, NotAllowed.
    """
    require(actor, "programme.talk_about_request", request)
    if not text.strip():
        raise InvalidInput(_("Write something."), field="text")
    if audience == Message.Audience.INTERNAL and not may_read_internal(actor, request):
        audience = Message.Audience.ALL
    message = Message.objects.create(request=request, author=actor, audience=audience, text=text.strip())
    audit.record(
        actor=actor,
        action="message_write",
        target=request,
        after={"message": message.code, "audience": message.audience},
    )
    tell_message(message)
    return message


@transaction.atomic
def conflict_declare(*, actor: User, request: AllocationRequest, severity: str, note: str) -> Conflict:
    """Step aside. A real or apparent conflict keeps `actor` from checking and deciding for good.

    Raises InvalidInput without a note, IllegalState where they gave their word in this round already.
    """
    request = locked(request)
    require(actor, "programme.declare_conflict", request)
    if not note.strip():
        raise InvalidInput(_("Say what the conflict is."), field="note")
    if severity not in Conflict.Severity.values:
        raise InvalidInput(_("Choose how close it is."), field="severity")
    if request.decisions.filter(round=request.round, decided_by=actor).exists():
        raise IllegalState(
            _("You have decided already."),
            remedy=_("Write to a programme admin: the decision can be looked at again."),
        )
    conflict, is_new = Conflict.objects.get_or_create(
        request=request,
        user=actor,
        kind=Conflict.Kind.DECLARED,
        defaults={"severity": severity, "note": note.strip()},
    )
    if not is_new:
        raise IllegalState(_("You have declared a conflict already."))
    audit.record(
        actor=actor,
        action="conflict_declare",
        target=request,
        after={"severity": severity},
        reason=note.strip(),
    )
    return conflict
