from allocations.projects.services.classrooms import (
    classroom_close,
    classroom_code_renew,
    classroom_code_revoke,
    classroom_join,
    classroom_open,
    classroom_update,
    classrooms_sweep,
)
from allocations.projects.services.handovers import (
    hand_over_accept,
    hand_over_decline,
    hand_over_propose,
    hand_over_withdraw,
)
from allocations.projects.services.invitations import (
    invitation_accept,
    invitation_decline,
    invitation_resend,
    invitation_withdraw,
    project_invite,
)
from allocations.projects.services.links import link_join, link_make, link_of, link_revoke
from allocations.projects.services.members import (
    member_cap_set,
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
    "classroom_close",
    "classroom_code_renew",
    "classroom_code_revoke",
    "classroom_join",
    "classroom_open",
    "classroom_update",
    "classrooms_sweep",
    "hand_over_accept",
    "hand_over_decline",
    "hand_over_propose",
    "hand_over_withdraw",
    "invitation_accept",
    "invitation_decline",
    "invitation_resend",
    "invitation_withdraw",
    "link_join",
    "link_make",
    "link_of",
    "link_revoke",
    "member_cap_set",
    "member_leave",
    "member_remove",
    "member_role_change",
    "project_archive",
    "project_create",
    "project_invite",
    "project_unarchive",
    "project_update",
    "require_active",
]
