"""What a person may see in reports: one scope for page, API and export."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.quotas.models import ProgrammeOfProject
from allocations.projects.models import Project, ProjectMember
from allocations.usage.models import UsageDay
from datacenters.models import Resource, Site
from datacenters.selectors import sites_managed_by
from portal.foundation.errors import NotVisible
from portal.people.models import AuditorScope, Membership, Organisation, Programme, ProgrammeRole

CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
SEE_ALL = frozenset({ProgrammeRole.Role.ADMIN, ProgrammeRole.Role.COUNCIL})
ALL, ORGANISATION, SITE, SECTOR = AuditorScope.Kind.values


@dataclass(frozen=True)
class Scope:
    """Everything; or the projects of `user`, and whole organisations, sectors and sites (by code)."""

    user: Any
    everything: bool = False
    organisations: Sequence[str] = ()
    sectors: Sequence[str] = ()
    sites: Sequence[str] = ()
    names: Sequence[str] = ()

    @property
    def statement(self) -> str:
        """What this person may see, in words."""
        if self.everything:
            return _("All usage of the programme.")
        own = _("Usage of the projects that you are a member of.")
        if not self.names:
            return own
        # Names are people's words: a list, not a sentence, so that it reads in every language.
        return f"{own} " + _("And all usage of: %(names)s.") % {"names": ", ".join(self.names)}

    def cube(self) -> models.QuerySet[UsageDay]:
        """The cells in scope."""
        cells = UsageDay.objects.order_by()
        if self.everything:
            return cells
        return cells.filter(Q(project__in=self._own_projects()) | Q(resource__site__code__in=self.sites))

    def projects(self) -> models.QuerySet[Project]:
        """Projects whose usage may be in scope, all of it or what ran at some sites."""
        if self.everything:
            return Project.objects.all()
        at_sites = Allocation.objects.filter(resource__site__code__in=self.sites).values("project")
        return Project.objects.filter(Q(pk__in=self._own_projects()) | Q(pk__in=at_sites))

    def organisations_seen(self) -> models.QuerySet[Organisation]:
        """Organisations in scope, and those of projects in scope."""
        if self.everything:
            return Organisation.objects.all()
        of_projects = self.projects().order_by().values("organisation")
        return Organisation.objects.filter(Q(code__in=self.organisations) | Q(pk__in=of_projects))

    def resources(self) -> models.QuerySet[Resource]:
        """Resources at sites in scope, and those of which projects in scope have allocations."""
        if self.everything:
            return Resource.objects.all()
        allocated = Allocation.objects.filter(project__in=self._own_projects()).values("resource")
        return Resource.objects.filter(Q(site__code__in=self.sites) | Q(pk__in=allocated))

    def sites_seen(self) -> models.QuerySet[Site]:
        """Sites in scope, and those of resources in scope."""
        if self.everything:
            return Site.objects.all()
        of_resources = self.resources().order_by().values("site")
        return Site.objects.filter(Q(code__in=self.sites) | Q(pk__in=of_resources))

    def programmes(self) -> models.QuerySet[Programme]:
        """Programmes that stand for projects in scope."""
        if self.everything:
            return Programme.objects.all()
        standing = ProgrammeOfProject.objects.filter(project__in=self.projects().order_by().values("pk"))
        return Programme.objects.filter(pk__in=standing.values("programme"))

    def find(self, kind: str, code: str) -> models.Model:
        """The thing of this kind and code. Raises NotVisible where it isn't in scope."""
        seen: dict[str, models.QuerySet[Any]] = {
            "project": self.projects(),
            "organisation": self.organisations_seen(),
            "site": self.sites_seen(),
            "resource": self.resources(),
            "programme": self.programmes(),
        }
        # What can't be a code is none; the database isn't handed NUL bytes.
        found: models.Model | None = seen[kind].filter(code=code).first() if CODE.fullmatch(code) else None
        if found is None:
            raise NotVisible(
                _("“%(code)s” isn't in what you may see.") % {"code": code[:60]},
                field=kind,
                remedy=self.statement,
            )
        return found

    def _own_projects(self) -> models.QuerySet[Project]:
        """Projects all of whose usage is in scope, wherever it ran."""
        own = Q(pk__in=ProjectMember.objects.filter(user=self.user).values("project"))
        if self.organisations:
            own |= Q(organisation__code__in=self.organisations)
        if self.sectors:
            own |= Q(sector__code__in=self.sectors)
        return Project.objects.filter(own).order_by()


def scope_of(user: Any) -> Scope:
    """Admins and council see all; auditors what they were given; owners their organisations; site managers
    their sites; everybody the projects that they are members of.
    """
    if SEE_ALL & user.roles:
        return Scope(user=user, everything=True)
    grants = _grants(user)
    codes = {
        kind: [code for of_kind, code, _name in grants if of_kind == kind]
        for kind in (ALL, ORGANISATION, SITE, SECTOR)
    }
    return Scope(
        user=user,
        everything=bool(codes[ALL]),
        organisations=codes[ORGANISATION],
        sectors=codes[SECTOR],
        sites=codes[SITE],
        names=[name for _kind, _code, name in grants],
    )


def _grants(user: Any) -> list[tuple[str, str, str]]:
    """Kind, code and name of all that `user` sees beyond the own projects, in one query."""
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).values_list(
        Value(ORGANISATION), "organisation__code", "organisation__name"
    )
    managed = sites_managed_by(user).order_by().values_list(Value(SITE), "code", "name")
    sources = [owned.order_by(), managed]
    # What is left of a role that ended gives nothing.
    if ProgrammeRole.Role.AUDITOR in user.roles:
        audited = AuditorScope.objects.filter(user=user).order_by()
        sources.append(audited.values_list("kind", "code", F("code")))
    return sorted(sources[0].union(*sources[1:]))
