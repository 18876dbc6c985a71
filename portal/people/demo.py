"""Demonstration people and organisations. ILLUSTRATIVE: none of them exists."""

from datetime import timedelta

from django.conf import settings

from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.people.backends import DEMO_DOMAIN
from portal.people.models import AuditorScope, Membership, Organisation, ProgrammeRole, User, Verification

PASSWORD = "taqseem-demo"  # noqa: S105 - public on purpose; refused outside demo mode

# Login → (name, programme-wide roles). In the order in which `make run` prints them.
PEOPLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "researcher": ("Dr Ayesha Siddiqui", ()),
    "startup": ("Bilal Ahmed", ()),
    "agency": ("Saima Noor", ("auditor",)),
    "reviewer": ("Dr Imran Qureshi", ("reviewer",)),
    "site": ("Farah Baig", ()),
    "council": ("Naveed Akhtar", ("council",)),
    "admin": ("Rabia Hassan", ("admin", "verifier")),
    "outsider": ("Kamran Yousaf", ()),
}

# Owner's login → (name, class, province, kind of identifier, identifier).
ORGANISATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "researcher": ("Indus University of Science", "academic", "sindh", "hec", "ius.edu.pk"),
    "startup": ("Shaheen Vision Labs", "startup", "punjab", "cuin", "0123456"),
    "agency": ("National Crop Observatory", "agency", "islamabad", "gov", "focal@crops.gov.pk"),
    "outsider": ("Khyber Genomics", "startup", "kp", "cuin", "0654321"),
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
    for login, (name, roles) in PEOPLE.items():
        _person(login, name, roles)
    for owner, facts in ORGANISATIONS.items():
        _organisation(owner, *facts)
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
    body, is_new = Organisation.objects.get_or_create(
        name=name, illustrative=True, defaults={"kind": kind, "province": province}
    )
    if not is_new:
        return
    Membership.objects.create(organisation=body, user=user(owner), role=Membership.Role.OWNER)
    Verification.objects.create(
        organisation=body,
        identifier_kind=id_kind,
        identifier=identifier,
        state=Verification.State.ACCEPTED,
        submitted_by=user(owner),
        verifier=user("admin"),
        decided_at=clock.now(),
        reason="ILLUSTRATIVE",
        expires_on=clock.today() + timedelta(days=365),
    )
