"""Who is who at a site."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from datacenters.models import Site
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from scheduler_bridge.transitions import LOGIN, LoginState


class SiteLogin(Record):
    """A person's Linux user at a site: proposed by one side, confirmed by the other.

    Only confirmed links are used. `linked_by` is who proposed it: one of the site's managers or the person;
    empty where the portal itself made the login, on a sandbox, which needs nobody's word. `decided_by` is who
    confirmed or declined it, `ended_at` when a confirmed link ended.
    """

    code = CodeField(prefix="lgn")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="site_logins")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="logins")
    login = models.CharField(_("login"), max_length=32)
    state = models.CharField(_("state"), max_length=10, choices=LoginState, default=LoginState.CONFIRMED)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("site login")
        verbose_name_plural = _("site logins")
        constraints = [
            LOGIN.check(name="site_login_state"),
            models.UniqueConstraint(
                fields=["user", "site"], name="site_login_person", condition=Q(state=LoginState.CONFIRMED)
            ),
            models.UniqueConstraint(
                fields=["site", "login"], name="site_login_once", condition=Q(state=LoginState.CONFIRMED)
            ),
            # Two people may name the same login: the site's managers know whose it is.
            models.UniqueConstraint(
                fields=["user", "site"], name="site_login_open", condition=Q(state=LoginState.PROPOSED)
            ),
        ]
        triggers = [LOGIN.trigger(name="site_login_steps")]

    def __str__(self) -> str:
        return f"{self.login} @ {self.site_id}"

    @property
    def is_claim(self) -> bool:
        """Whether the person asked for it: then it is for the site to confirm."""
        return self.linked_by_id == self.user_id
