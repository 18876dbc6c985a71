"""Logins of the demo people at real clusters. On a sandbox they are made with the first job. ILLUSTRATIVE."""

from datacenters.models import Cluster
from portal.people.models import User
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites.logins import login_end, login_link
from scheduler_bridge.transitions import LoginState

SITE_MANAGER = "site@demo.taqseem.test"
# The Linux users that the lab's clusters have.
LOGINS = {
    "researcher@demo.taqseem.test": "tqresearcher",
    "startup@demo.taqseem.test": "tqstartup",
    "agency@demo.taqseem.test": "tqagency",
}


def seed() -> None:
    """Link who isn't linked; a login that the portal made while the cluster was a sandbox gives way."""
    manager = User.objects.filter(email=SITE_MANAGER).first()
    if manager is None:
        return
    people = User.objects.filter(email__in=LOGINS)
    for cluster in Cluster.objects.filter(is_sandbox=False).select_related("site"):
        known = SiteLogin.objects.filter(site=cluster.site, state=LoginState.CONFIRMED)
        links = {link.user_id: link for link in known}
        for user in people:
            link = links.get(user.pk)
            if link is not None and link.linked_by_id is None:
                login_end(actor=manager, link=link)
            if link is None or link.linked_by_id is None:
                login_link(actor=manager, user=user, site=cluster.site, login=LOGINS[user.email])
