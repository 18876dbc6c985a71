"""One demonstration project for each demonstration organisation that computes. ILLUSTRATIVE."""

from allocations.projects.models import Project, Sector
from allocations.projects.services import project_create
from portal.people.models import User

# PI, title, abstract, sector, data class.
PROJECTS = (
    (
        "researcher@demo.taqseem.test",
        "Urdu speech recognition for classrooms",
        "ILLUSTRATIVE. Trains a speech model on recorded lessons, so that classes get subtitles in Urdu.",
        "education",
        "restricted",
    ),
    (
        "startup@demo.taqseem.test",
        "Wheat rust early warning",
        "ILLUSTRATIVE. Finds wheat rust on satellite and phone pictures a week before it can be seen by eye.",
        "agriculture",
        "open",
    ),
    (
        "outsider@demo.taqseem.test",
        "Loom fault detection",
        "ILLUSTRATIVE. Finds weaving faults on camera pictures of power looms in Faisalabad.",
        "manufacturing",
        "public",
    ),
)


def seed() -> None:
    """Plant what is missing; change nothing that is there. Skips people who aren't planted."""
    for email, title, abstract, sector, data_class in PROJECTS:
        pi = User.objects.filter(email=email).first()
        membership = pi.memberships.select_related("organisation").first() if pi else None
        if membership is None or Project.objects.filter(organisation=membership.organisation).exists():
            continue
        project_create(
            actor=pi,
            organisation=membership.organisation,
            title=title,
            abstract=abstract,
            sector=Sector.objects.get(code=sector),
            data_class=data_class,
        )
