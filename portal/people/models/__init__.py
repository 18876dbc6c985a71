from portal.people.models.deputy import Deputy
from portal.people.models.institution import RecognisedInstitution
from portal.people.models.organisation import Invitation, Membership, Organisation, Removal
from portal.people.models.ownership import OwnershipRequest
from portal.people.models.programme import Endorsement, OrganisationEndorsement, Programme
from portal.people.models.roles import AuditorScope, ProgrammeRole
from portal.people.models.terms import Consent, TermsVersion
from portal.people.models.token import ApiToken
from portal.people.models.user import User
from portal.people.models.verification import Verification, VerificationWord

__all__ = [
    "ApiToken",
    "AuditorScope",
    "Consent",
    "Deputy",
    "Endorsement",
    "Invitation",
    "Membership",
    "Organisation",
    "OrganisationEndorsement",
    "OwnershipRequest",
    "Programme",
    "ProgrammeRole",
    "RecognisedInstitution",
    "Removal",
    "TermsVersion",
    "User",
    "Verification",
    "VerificationWord",
]
