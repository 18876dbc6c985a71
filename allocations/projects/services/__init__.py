from allocations.projects.services.members import (
    member_add,
    member_leave,
    member_remove,
    member_role_change,
)
from allocations.projects.services.projects import (
    project_archive,
    project_create,
    project_unarchive,
    project_update,
    require_active,
)

__all__ = [
    "member_add",
    "member_leave",
    "member_remove",
    "member_role_change",
    "project_archive",
    "project_create",
    "project_unarchive",
    "project_update",
    "require_active",
]
