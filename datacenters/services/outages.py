"""Outages: recorded by who runs the site, ended, corrected, withdrawn.

The rooms above hear of each by the outbox topic `outage_changed` {outage, event}: they follow with capacity
and tell the projects that compute there.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Cluster, Outage, Resource, Site
from datacenters.services._gate import require_manager, require_reason
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.services import outbox, records

SHOWN = ("site", "cluster", "resource", "kind", "cause", "starts_at", "ends_at", "note")
# Longer ones are a matter of capacity, and more often a wrong year.
LONGEST = timedelta(days=366)


@transaction.atomic
def outage_record(
    *,
    actor: Any,
    site: Site,
    kind: str,
    cause: str,
    starts_at: datetime,
    ends_at: datetime | None = None,
    cluster: Cluster | None = None,
    resource: Resource | None = None,
    note: str = "",
) -> Outage:
    """Announce a planned outage, or record one that happened or goes on (`ends_at` None).

    Of the whole site, unless its `cluster` or one `resource` is named. For the site's managers and admins.
    Raises InvalidInput, NotAllowed.
    """
    require_manager(actor, site)
    _check_part(site, cluster, resource)
    _check_period(kind, starts_at, ends_at)
    outage = records.insert(
        actor=actor,
        action="outage_record",
        record=Outage(
            site=site,
            cluster=cluster,
            resource=resource,
            kind=kind,
            cause=cause,
            starts_at=starts_at,
            ends_at=ends_at,
            note=note.strip(),
            announced_at=clock.now(),
            recorded_by=actor,
        ),
        shown=SHOWN,
    )
    _announce(outage, "recorded")
    return outage


@transaction.atomic
def outage_end(*, actor: Any, outage: Outage, ends_at: datetime | None = None) -> Outage:
    """It is over: now, or since `ends_at`. Raises IllegalState where it hasn't begun or is over already."""
    outage = _locked(actor, outage)
    if outage.state != Outage.State.ONGOING:
        raise IllegalState(
            _("This outage isn't going on: it is “%(state)s”.") % {"state": outage.state.label},
            remedy=_("Correct its times, or withdraw it."),
        )
    ends_at = ends_at or clock.now()
    if ends_at > clock.now():
        raise InvalidInput(
            _("This moment is still to come."), field="ends_at", remedy=_("Correct the outage's times.")
        )
    return _change(actor, outage, "outage_end", "ended", {"ends_at": ends_at})


@transaction.atomic
def outage_correct(
    *,
    actor: Any,
    outage: Outage,
    reason: str,
    starts_at: datetime,
    ends_at: datetime | None,
    note: str = "",
) -> Outage:
    """Set its times right. The audit keeps what was said before. Raises InvalidInput, IllegalState."""
    outage = _locked(actor, outage)
    reason = require_reason(reason, _("Say why the times change."))
    if outage.withdrawn_at:
        raise IllegalState(_("This outage was withdrawn."), remedy=_("Record a new one."))
    _check_period(outage.kind, starts_at, ends_at)
    changes = {"starts_at": starts_at, "ends_at": ends_at, "note": note.strip()}
    return _change(actor, outage, "outage_correct", "corrected", changes, reason)


@transaction.atomic
def outage_withdraw(*, actor: Any, outage: Outage, reason: str) -> Outage:
    """It doesn't take place, or never was: it counts no longer, and stays in the list as withdrawn."""
    outage = _locked(actor, outage)
    reason = require_reason(reason, _("Say why it is withdrawn."))
    if outage.withdrawn_at:
        raise IllegalState(_("This outage was withdrawn already."))
    return _change(actor, outage, "outage_withdraw", "withdrawn", {"withdrawn_at": clock.now()}, reason)


def _locked(actor: Any, outage: Outage) -> Outage:
    require_manager(actor, outage.site)
    return (
        Outage.objects.select_for_update(of=("self",))
        .select_related("site", "cluster__site", "resource")
        .get(pk=outage.pk)
    )


def _change(
    actor: Any, outage: Outage, action: str, event: str, changes: dict[str, Any], reason: str = ""
) -> Outage:
    changed = records.update(actor=actor, action=action, record=outage, changes=changes, reason=reason)
    _announce(changed, event)
    return changed


def _announce(outage: Outage, event: str) -> None:
    outbox.enqueue(topic="outage_changed", key=outage.code, payload={"outage": outage.code, "event": event})


def _check_part(site: Site, cluster: Cluster | None, resource: Resource | None) -> None:
    if cluster is not None and resource is not None:
        raise InvalidInput(
            _("An outage is of the cluster or of one resource."),
            field="resource",
            remedy=_("Choose one of the two."),
        )
    if cluster is not None and cluster.site_id != site.pk:
        raise InvalidInput(_("This cluster is another site's."), field="cluster")
    if resource is not None and resource.site_id != site.pk:
        raise InvalidInput(_("This resource is another site's."), field="resource")


def _check_period(kind: str, starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidInput(_("It ends before it begins."), field="ends_at", remedy=_("Give a later moment."))
    if (ends_at or clock.now()) - starts_at > LONGEST:
        raise InvalidInput(
            _("An outage lasts at most a year."),
            field="starts_at",
            remedy=_("Check the year; for longer, plan no capacity."),
        )
    if kind == Outage.Kind.PLANNED and ends_at is None:
        raise InvalidInput(
            _("A planned outage has an end."), field="ends_at", remedy=_("Say until when it is planned.")
        )
    if kind == Outage.Kind.UNPLANNED and starts_at > clock.now() + timedelta(minutes=5):
        raise InvalidInput(
            _("What is still to come is planned."), field="kind", remedy=_("Choose “Planned”.")
        )
