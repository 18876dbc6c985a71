"""One demonstration project for each demonstration organisation, and a course. ILLUSTRATIVE."""

from datetime import timedelta

from allocations.projects.models import Classroom, Project, Sector
from allocations.projects.services import project_create
from allocations.projects.services.classrooms import classroom_join, classroom_open
from portal.foundation import clock
from portal.foundation.units import hours_to_seconds
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
INSTRUCTOR = "teacher"
COURSE = "Deep learning, autumn term"
COURSE_ABSTRACT = (
    "ILLUSTRATIVE. Third-year students train their first networks, on pictures of their own campus."
)
STUDENTS = ("student",)
COURSE_DAYS, STUDENT_HOURS, MOST_STUDENTS = 120, 10, 40


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
    _seed_course()


def _seed_course() -> None:
    """A course of the instructor's, with a code to join and the students who did."""
    teacher = User.objects.filter(email=demo.address(INSTRUCTOR)).first()
    if teacher is None or Classroom.objects.filter(opened_by=teacher).exists():
        return
    project = project_create(
        actor=teacher,
        organisation=demo.organisation(demo.MEMBERS[INSTRUCTOR]),
        title=COURSE,
        abstract=COURSE_ABSTRACT,
        sector=Sector.objects.get(code="education"),
        data_class="open",
    )
    classroom = classroom_open(
        actor=teacher,
        project=project,
        course=COURSE,
        cap_gpu_seconds=hours_to_seconds(STUDENT_HOURS),
        most_students=MOST_STUDENTS,
        ends_on=clock.today() + timedelta(days=COURSE_DAYS),
    )
    for login in STUDENTS:
        classroom_join(actor=demo.user(login), join_code=classroom.join_code)
