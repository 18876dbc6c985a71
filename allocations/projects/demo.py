"""One demonstration project for each demonstration organisation. ILLUSTRATIVE."""

from allocations.projects.models import Project, Sector
from allocations.projects.services import project_create
from portal.people import demo
from portal.people.models import Organisation, User

# Login of the PI → (title, abstract, sector, data class).
PROJECTS: dict[str, tuple[str, str, str, str]] = {
    "researcher": (
        "Urdu speech recognition for classrooms",
        "ILLUSTRATIVE. Trains a speech model on recorded lessons, so that classes get subtitles in Urdu.",
        "education",
        "restricted",
    ),
    "startup": (
        "Wheat rust early warning",
        "ILLUSTRATIVE. Finds wheat rust on phone pictures a week before farmers can see it.",
        "agriculture",
        "open",
    ),
    "agency": (
        "Crop areas from satellite pictures",
        "ILLUSTRATIVE. Estimates the area under each crop, tehsil by tehsil, every ten days.",
        "climate",
        "public",
    ),
    "outsider": (
        "Variant calling for thalassaemia screening",
        "ILLUSTRATIVE. Speeds up variant calling, so that couples get their result within a day.",
        "health",
        "public",
    ),
}


def seed() -> None:
    """Plant what is missing; change nothing that is there. Skips organisations that aren't planted."""
    for login, (title, abstract, sector, data_class) in PROJECTS.items():
        body = Organisation.objects.filter(name=demo.ORGANISATIONS[login][0], illustrative=True).first()
        if body is None or Project.objects.filter(organisation=body).exists():
            continue
        project_create(
            actor=User.objects.get(email=demo.address(login)),
            organisation=body,
            title=title,
            abstract=abstract,
            sector=Sector.objects.get(code=sector),
            data_class=data_class,
        )
