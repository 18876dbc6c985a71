from portal.people.models.organisation import Invitation, Membership, Organisation
from portal.people.models.roles import AuditorScope, ProgrammeRole
from portal.people.models.token import ApiToken
from portal.people.models.user import User
from portal.people.models.verification import Verification

__all__ = [
    "ApiToken",
    "AuditorScope",
    "Invitation",
    "Membership",
    "Organisation",
    "ProgrammeRole",
    "User",
    "Verification",
]
