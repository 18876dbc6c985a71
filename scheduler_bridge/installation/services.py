"""The kill switches: nothing is sent to a cluster, or to any, until somebody lets it go on."""

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Cluster
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.installation import standing
from scheduler_bridge.models import SendingStop


@transaction.atomic
def sending_stop(*, actor: User | None, reason: str, cluster: Cluster | None = None) -> SendingStop:
    """Send nothing more to this cluster, or (None) to any. Jobs wait; looking, cancels and limits go on.

    For admins with a second factor; `actor` None is an operator at the command line. Raises NotAllowed,
    SecondFactorNeeded, InvalidInput (no reason), IllegalState (it is stopped already).
    """
    _check(actor, reason)
    if SendingStop.objects.filter(cluster=cluster).exists():
        raise IllegalState(_("Sending is stopped there already."))
    stop = SendingStop.objects.create(cluster=cluster, stopped_by=actor, reason=reason.strip())
    standing.forget()
    after = {"cluster": cluster.code if cluster else "all"}
    audit.record(actor=actor, action="sending_stop", target=cluster or stop, after=after, reason=stop.reason)
    return stop


@transaction.atomic
def sending_resume(*, actor: User | None, reason: str, cluster: Cluster | None = None) -> None:
    """Let sending to this cluster, or (None) to all, go on.

    Raises as `sending_stop` does; IllegalState too where the cluster's open jobs have yet to be looked up.
    """
    _check(actor, reason)
    stop = SendingStop.objects.select_for_update().filter(cluster=cluster).first()
    if stop is None:
        raise IllegalState(_("Sending isn't stopped there."))
    if stop.needs_look:
        raise IllegalState(
            _("This cluster was left out when a restored database went back to work."),
            remedy=_("Its open jobs must be looked up first: an operator runs “manage.py resume_dispatch”."),
        )
    before = {"cluster": cluster.code if cluster else "all", "reason": stop.reason}
    audit.record(
        actor=actor, action="sending_resume", target=cluster or stop, before=before, reason=reason.strip()
    )
    stop.delete()
    standing.forget()
    if cluster is not None:  # to all: within the next tick
        outbox.enqueue(topic="job_approved", payload={"cluster": cluster.code})


def _check(actor: User | None, reason: str) -> None:
    if actor is not None:
        require(actor, "bridge.stop_sending")
        require_second_factor(actor)
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say why, for the other admins.")
        )
