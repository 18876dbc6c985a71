"""Telling a site's managers that its preflight has become worse."""

from django.utils.translation import gettext_noop

from datacenters.models import SiteRole
from portal.notices.services.notices import notify
from portal.people.models import User
from scheduler_bridge.models import PreflightRun

NO_FENCE = gettext_noop("%(site)s: Slurm no longer stops over-use by itself")
NOT_FIT = gettext_noop("%(site)s: the cluster no longer passes its preflight")
BODY = gettext_noop("The preflight's page says what was found, what to do and who does it.")


def tell_worse(run: PreflightRun, before: PreflightRun) -> None:
    """A notice and a mail, in the caller's transaction, where `run` is worse than the one before it."""
    if before.may_serve and not run.may_serve:
        subject = NOT_FIT
    elif (before.verdict, run.verdict) == (
        PreflightRun.Verdict.HARD_FENCE,
        PreflightRun.Verdict.LEDGER_ONLY,
    ):
        subject = NO_FENCE
    else:
        return
    site = run.cluster.site
    managers = User.objects.filter(site_roles__site=site, site_roles__role=SiteRole.Role.MANAGER).distinct()
    notify(
        users=managers,
        kind="preflight_worse",
        subject=subject,
        body=BODY,
        params={"site": str(site)},
        url=run.get_absolute_url(),
    )
