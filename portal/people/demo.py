"""Demonstration people and organisations. ILLUSTRATIVE: none of them exists."""

from datetime import timedelta

from django.conf import settings

from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.people import terms
from portal.people.backends import DEMO_DOMAIN
from portal.people.models import (
    AuditorScope,
    Membership,
    Organisation,
    ProgrammeRole,
    RecognisedInstitution,
    User,
    Verification,
    VerificationWord,
)

PASSWORD = "taqseem-demo"  # noqa: S105 - public on purpose; refused outside demo mode

# Login → (name, programme-wide roles). In the order in which `make run` prints them.
PEOPLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "researcher": ("Dr Ayesha Siddiqui", ()),
    "startup": ("Bilal Ahmed", ()),
    "agency": ("Saima Noor", ("auditor",)),
    "reviewer": ("Dr Imran Qureshi", ("reviewer",)),
    "site": ("Farah Baig", ()),
    "council": ("Naveed Akhtar", ("council",)),
    "council2": ("Sana Tariq", ("council",)),
    "admin": ("Rabia Hassan", ("admin", "verifier")),
    "verifier": ("Zubair Mirza", ("verifier",)),
    "operator": ("Hina Farooq", ()),
    "teacher": ("Nadia Karim", ()),
    "student": ("Hamza Iqbal", ()),
    "outsider": ("Kamran Yousaf", ()),
}
# Who may open the operators' admin.
OPERATOR = "operator"
# Who vouched for the demo organisations: an agency needs two.
VERIFIERS = ("admin", "verifier")

# Owner's login → (name, class, province, kind of identifier, identifier).
ORGANISATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "researcher": ("Indus University of Science", "academic", "sindh", "hec", "ius.edu.pk"),
    "startup": ("Shaheen Vision Labs", "startup", "punjab", "cuin", "0123456"),
    "agency": ("National Crop Observatory", "agency", "islamabad", "gov", "focal@crops.gov.pk"),
    "outsider": ("Khyber Genomics", "startup", "kp", "cuin", "0654321"),
}
# Who else belongs to an organisation: login → its owner's.
MEMBERS = {"teacher": "researcher"}
# The organisation of this owner is women-led.
WOMEN_LED = "researcher"

# Name → (domains, province). The second is for newcomers: whoever signs up from there is verified at once.
INSTITUTIONS: dict[str, tuple[list[str], str]] = {
    "Indus University of Science": (["ius.edu.pk"], "sindh"),
    "Margalla Institute of Computing": (["margalla.taqseem.test"], "islamabad"),
}


def address(login: str) -> str:
    return f"{login}@{DEMO_DOMAIN}"


def user(login: str) -> User:
    """The demo user of this login, such as `researcher`."""
    return User.objects.get(email=address(login))


def organisation(owner: str) -> Organisation:
    """The demo organisation that `owner` (a login) owns."""
    return Organisation.objects.get(name=ORGANISATIONS[owner][0], illustrative=True)


def require_demo_mode() -> None:
    """Raises NotAllowed outside demo mode: the demo password is public."""
    if not settings.DEMO_MODE:
        raise NotAllowed("This installation isn't in demo mode: it has no demo users.")


def seed() -> None:
    """Plant what is missing; change nothing that is there."""
    require_demo_mode()
    terms.seed()
    for login, (name, roles) in PEOPLE.items():
        _person(login, name, roles)
    User.objects.filter(email=address(OPERATOR)).update(is_staff=True, is_superuser=True)
    for name, (domains, province) in INSTITUTIONS.items():
        RecognisedInstitution.objects.get_or_create(
            name=name, defaults={"domains": domains, "province": province, "source": "ILLUSTRATIVE"}
        )
    for owner, facts in ORGANISATIONS.items():
        _organisation(owner, *facts)
    for login, owner in MEMBERS.items():
        Membership.objects.get_or_create(organisation=organisation(owner), user=user(login))
    AuditorScope.objects.get_or_create(user=user("agency"), kind=AuditorScope.Kind.ALL, code="")


def _person(login: str, name: str, roles: tuple[str, ...]) -> None:
    email = address(login)
    person = User.objects.filter(email=email).first()
    if person is None:
        person = User.objects.create_user(email, PASSWORD, name=name, terms_accepted_at=clock.now())
    person.emailaddress_set.get_or_create(email=email, defaults={"verified": True, "primary": True})
    for role in roles:
        ProgrammeRole.objects.get_or_create(user=person, role=role)


def _organisation(owner: str, name: str, kind: str, province: str, id_kind: str, identifier: str) -> None:
    is_led = owner == WOMEN_LED
    body, is_new = Organisation.objects.get_or_create(
        name=name, illustrative=True, defaults={"kind": kind, "province": province, "women_led": is_led}
    )
    if not is_new:
        return
    Membership.objects.create(organisation=body, user=user(owner), role=Membership.Role.OWNER)
    claim = Verification.objects.create(
        organisation=body,
        identifier_kind=id_kind,
        identifier=identifier,
        province=province,
        women_led=is_led,
        submitted_by=user(owner),
    )
    until = clock.today() + timedelta(days=365)
    for login in VERIFIERS[: claim.words_needed]:
        verifier = user(login)
        VerificationWord.objects.create(
            verification=claim, verifier=verifier, seat=verifier, expires_on=until, women_led=is_led
        )
    claim.state, claim.verifier, claim.decided_at = Verification.State.ACCEPTED, verifier, clock.now()
    claim.reason, claim.expires_on, claim.women_led_confirmed = "ILLUSTRATIVE", until, is_led
    claim.save()
