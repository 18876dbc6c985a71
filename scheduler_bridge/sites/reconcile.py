"""Asking for allocations to be reconciled with a site's Slurm now."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from datacenters.models import Site
from portal.foundation.errors import IllegalState
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.sites.selectors import provisioned_at


@transaction.atomic
def site_reconcile(*, actor: User, site: Site, allocation: Allocation | None = None) -> int:
    """Have one allocation, or every one that isn't closed, read, compared and mended; returns how many.

    Workers do it within seconds. Raises NotAllowed, SecondFactorNeeded, IllegalState (no cluster).
    """
    require(actor, "datacenters.manage_site", site)
    require_second_factor(actor)
    if not hasattr(site, "cluster"):
        raise IllegalState(_("This site has no cluster."), remedy=_("Connect its cluster first."))
    asked = provisioned_at(site) if allocation is None else provisioned_at(site).filter(pk=allocation.pk)
    codes = list(asked.values_list("code", flat=True))
    for code in codes:
        outbox.enqueue(topic="allocation_provision", payload={"allocation": code})
    audit.record(actor=actor, action="site_reconcile", target=site, after={"allocations": codes})
    return len(codes)
