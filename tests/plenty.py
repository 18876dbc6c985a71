"""Many rows, for tests that count queries."""

from allocations.projects.models import Project, ProjectMember, Sector
from portal.people.models import Membership, User
from tests.cast import Cast


def plenty_of_projects(cast: Cast, rows: int) -> None:
    """`rows` projects of the PI, and as many further members of the cast's own project."""
    climate = Sector.objects.get(code="climate")
    projects = Project.objects.bulk_create(
        Project(organisation=cast.organisation, title=f"Study {n:03}", abstract="A", sector=climate)
        for n in range(rows)
    )
    users = User.objects.bulk_create(User(email=f"u{n}@example.pk", name=f"User {n}") for n in range(rows))
    pi = ProjectMember.Role.PI
    ProjectMember.objects.bulk_create(ProjectMember(project=p, user=cast.pi, role=pi) for p in projects)
    ProjectMember.objects.bulk_create(ProjectMember(project=cast.project, user=u) for u in users)
    Membership.objects.bulk_create(Membership(organisation=cast.organisation, user=u) for u in users)
