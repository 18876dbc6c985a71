from portal.people.models.organisation import Membership, Organisation, Verification
from portal.people.models.roles import AuditorScope, ProgrammeRole
from portal.people.models.user import User

__all__ = ["AuditorScope", "Membership", "Organisation", "ProgrammeRole", "User", "Verification"]
