"""People, organisations and projects. ILLUSTRATIVE."""

from itertools import cycle, islice
from random import Random

from allocations.projects.models import Project, ProjectMember, Sector
from datacenters.models import DataClass
from portal.people.models import Membership, Organisation, User
from portal.web.load.size import MARK, Size

PROJECTS_EACH = 4  # of an organisation
MEMBERS = 12  # of a project
TOPICS = ("speech", "vision", "crops", "floods", "retinas", "case law", "power grids", "Urdu", "proteins")
# Domains that nobody can receive mail at.
ADDRESS = "load-{number:06}@load.taqseem.test"


def plant(size: Size, random: Random) -> list[Project]:
    """Users by organisations, each with projects whose first member is the PI."""
    organisations = Organisation.objects.bulk_create(
        Organisation(
            name=f"{MARK} organisation {number:04} (ILLUSTRATIVE)",
            kind=random.choice(Organisation.Kind.values),
            province=random.choices(Organisation.Province.values, weights=[52, 24, 12, 5, 4, 2, 1])[0],
            women_led=random.random() < 0.2,
            illustrative=True,
        )
        for number in range(-(-size.projects // PROJECTS_EACH))
    )
    # A password that nothing matches.
    users = User.objects.bulk_create(
        User(email=ADDRESS.format(number=number), name=f"{MARK} Person {number:06}", password="!")  # noqa: S106
        for number in range(size.users)
    )
    teams = {
        organisation: users[index :: len(organisations)] for index, organisation in enumerate(organisations)
    }
    Membership.objects.bulk_create(
        Membership(
            organisation=organisation,
            user=user,
            role=Membership.Role.OWNER if position == 0 else Membership.Role.MEMBER,
        )
        for organisation, team in teams.items()
        for position, user in enumerate(team)
    )
    return _projects(size, random, teams)


def _projects(size: Size, random: Random, teams: dict[Organisation, list[User]]) -> list[Project]:
    sectors = list(Sector.objects.order_by("code"))
    of_organisation = list(islice(cycle(teams), size.projects))
    projects = Project.objects.bulk_create(
        Project(
            organisation=organisation,
            title=f"{MARK} project {number:05}: {random.choice(TOPICS)}",
            abstract="ILLUSTRATIVE. What would be said here is longer and truer.",
            sector=random.choice(sectors),
            data_class=random.choices(
                [DataClass.OPEN, DataClass.PUBLIC, DataClass.RESTRICTED], weights=[80, 15, 5]
            )[0],
        )
        for number, organisation in enumerate(of_organisation)
    )
    ProjectMember.objects.bulk_create(
        ProjectMember(
            project=project,
            user=user,
            role=ProjectMember.Role.PI if position == 0 else ProjectMember.Role.MEMBER,
        )
        for project in projects
        for position, user in enumerate(_some(random, teams[project.organisation], MEMBERS))
    )
    return projects


def _some(random: Random, team: list[User], most: int) -> list[User]:
    return random.sample(team, min(most, len(team)))
