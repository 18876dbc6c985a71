from allocations.projects.models.classroom import Classroom, Enrolment
from allocations.projects.models.joining import (
    GIVEN_ROLES,
    Asked,
    HandOver,
    ProjectInvitation,
    ProjectLink,
)
from allocations.projects.models.project import Project, ProjectMember, Sector

__all__ = [
    "GIVEN_ROLES",
    "Asked",
    "Classroom",
    "Enrolment",
    "HandOver",
    "Project",
    "ProjectInvitation",
    "ProjectLink",
    "ProjectMember",
    "Sector",
]
