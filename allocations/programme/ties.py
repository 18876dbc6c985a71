"""Finding conflicts of interest: what ties people to those who ask.

| What ties them | Severity |
|---|---|
| of the organisation that asks, or of the project | real |
| works now on a project together with one of its people | real |
| of the organisation of another of its people | apparent |
| worked on one with them within the last two years | apparent |

Who left a project stands in the audit.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from allocations.programme.models import AllocationRequest, Conflict
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from portal.foundation.models import AuditRow
from portal.people.models import Membership, User

PAST = timedelta(days=730)
LEFT = ("project_member_remove", "project_member_leave")
# The worst first.
SEVERITIES = (Conflict.Severity.REAL, Conflict.Severity.APPARENT, Conflict.Severity.POTENTIAL)


@dataclass(frozen=True)
class Tie:
    """A conflict as it is found: of which kind, and how severe."""

    kind: str
    severity: str


class Ties:
    """What ties some people to those who ask: read in a handful of queries, whatever their number."""

    def __init__(self, request: AllocationRequest, users: Collection[User]) -> None:
        self.organisation = request.project.organisation_id
        self.project = request.project.code
        members = ProjectMember.objects.filter(project=request.project_id)
        team = dict(members.values_list("user", "user__code"))
        team[request.requested_by_id] = request.requested_by.code
        codes = team | {user.pk: user.code for user in users}
        self.team, everyone = set(team), set(codes)
        self.organisations = _grouped(
            Membership.objects.filter(user__in=everyone).values_list("user", "organisation")
        )
        self.projects = _grouped(
            ProjectMember.objects.filter(user__in=everyone).values_list("user", "project__code")
        )
        self.earlier = _left_lately(codes)
        self.team_organisations = set().union(*(self.organisations[person] for person in self.team))
        self.team_projects = set().union(*(self.projects[person] for person in self.team)) | {self.project}
        earlier = set().union(*(self.earlier[person] for person in self.team))
        self.team_ever = self.team_projects | earlier

    def of(self, user: User) -> list[Tie]:
        """What ties `user` to the request, the worst of each kind."""
        found = []
        mine = self.organisations[user.pk]
        if self.organisation in mine:
            found.append(Tie(Conflict.Kind.OWN_ORGANISATION, Conflict.Severity.REAL))
        elif mine & self.team_organisations:
            found.append(Tie(Conflict.Kind.OWN_ORGANISATION, Conflict.Severity.APPARENT))
        now, earlier = self.projects[user.pk], self.earlier[user.pk]
        if user.pk in self.team or now & self.team_projects:
            found.append(Tie(Conflict.Kind.SHARED_PROJECT, Conflict.Severity.REAL))
        elif (now | earlier) & self.team_ever:
            found.append(Tie(Conflict.Kind.PAST_PROJECT, Conflict.Severity.APPARENT))
        return found


def worst(severities: Iterable[str]) -> str:
    """The most severe of `severities`; empty where there is none."""
    told = set(severities)
    return next((str(severity) for severity in SEVERITIES if severity in told), "")


def _grouped[K, V](pairs: Iterable[tuple[K, V]]) -> defaultdict[K, set[V]]:
    groups: defaultdict[K, set[V]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return groups


def _left_lately(codes: Mapping[int, str]) -> defaultdict[int, set[str]]:
    """By user: codes of the projects that they left within the last two years. `codes` are theirs, by id."""
    by_code = {code: user for user, code in codes.items()}
    rows = AuditRow.objects.filter(
        object_type="project", action__in=LEFT, at__gte=clock.now() - PAST, before__user__in=list(by_code)
    )
    return _grouped(
        (by_code[code], project) for code, project in rows.values_list("before__user", "object_code")
    )
