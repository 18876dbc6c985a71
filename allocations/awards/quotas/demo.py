"""Demonstration programmes and floors. The bodies are real, with their sources; figures are ILLUSTRATIVE."""

from decimal import Decimal

from allocations.awards.quotas.models import Dimension, Quota
from allocations.awards.quotas.services import quota_set
from allocations.projects.models import Sector
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.services import audit
from portal.people import demo
from portal.people.models import Organisation, OrganisationEndorsement, Programme, User
from portal.people.services.programmes import organisation_endorse

TECHJUICE = "TechJuice, 26 August 2025"
# Name → (name in Urdu, kind, sector, source).
PROGRAMMES: dict[str, tuple[str, str, str, str]] = {
    "National Center of Artificial Intelligence (NCAI)": (
        "قومی مرکز برائے مصنوعی ذہانت",
        "centre",
        "",
        f"Founded by HEC and the Planning Commission; named in {TECHJUICE}.",
    ),
    "Sino-Pak Center for Artificial Intelligence (SPCAI)": (
        "سائنو پاک مرکز برائے مصنوعی ذہانت",
        "centre",
        "",
        f"Named in {TECHJUICE}.",
    ),
    "STZA technology zone": ("خصوصی ٹیکنالوجی زون", "zone", "", "Special Technology Zones Authority."),
    "National AI Fund": (
        "قومی اے آئی فنڈ",
        "fund",
        "",
        f"30 % of Ignite's R&D fund, by the National AI Policy; {TECHJUICE}.",
    ),
    "Higher Education Commission (HEC)": ("ہائر ایجوکیشن کمیشن", "fund", "", "Runs the Astrolabes."),
    "Working group on agriculture": (
        "ورکنگ گروپ برائے زراعت",
        "working_group",
        "agriculture",
        "Planning Commission, National Taskforce on AI.",
    ),
}
COORDINATOR = "council"
# Login of the owner → the programme that stands for the organisation.
ENDORSED = {
    "researcher": "Higher Education Commission (HEC)",
    "startup": "STZA technology zone",
}
# Soft floors: percent of the capacity of all resources together.
FLOORS: dict[tuple[str, str], Decimal] = {
    (Dimension.CLASS, "startup"): Decimal(25),
    (Dimension.CLASS, "agency"): Decimal(15),
    (Dimension.WOMEN_LED, ""): Decimal(20),
}
# Shares of the provinces in the 7th NFC award. Their floors come to 60 % of the capacity: kept whole, they
# would leave nothing to Islamabad, Azad Kashmir and Gilgit-Baltistan, nor to who scores best.
NFC = {"punjab": "51.74", "sindh": "24.55", "kp": "14.62", "balochistan": "9.09"}
PROVINCES_PERCENT = Decimal(60)


def seed() -> None:
    """Plant what is missing; change nothing that is there."""
    for name, facts in PROGRAMMES.items():
        _programme(name, *facts)
    for login, name in ENDORSED.items():
        _endorse(login, Programme.objects.get(name_en=name))
    if not Quota.objects.exists():
        for (dimension, value), percent in all_floors().items():
            _floor(dimension, value, percent)


def all_floors() -> dict[tuple[str, str], Decimal]:
    """Those of classes and women-led organisations, and the provinces' by NFC shares."""
    return FLOORS | {
        (Dimension.PROVINCE, province): (Decimal(share) * PROVINCES_PERCENT / 100).quantize(Decimal("0.01"))
        for province, share in NFC.items()
    }


def _programme(name: str, name_ur: str, kind: str, sector: str, source: str) -> None:
    if sector and not Sector.objects.filter(code=sector).exists():
        sector = ""
    body, is_new = Programme.objects.get_or_create(
        name_en=name,
        defaults={
            "name_ur": name_ur,
            "kind": kind,
            "sector": sector,
            "source": source,
            "illustrative": True,
        },
    )
    if is_new:
        audit.record(actor=None, action="programme_create", target=body, reason="Demonstration data")
        body.coordinators.set(User.objects.filter(email=demo.address(COORDINATOR)))


def _endorse(login: str, body: Programme) -> None:
    organisation = Organisation.objects.filter(name=demo.ORGANISATIONS[login][0], illustrative=True).first()
    known = OrganisationEndorsement.objects.filter(programme=body, organisation=organisation)
    if organisation is not None and not known.exists():
        organisation_endorse(
            actor=User.objects.get(email=demo.address(COORDINATOR)),
            programme=body,
            organisation=organisation,
            reason="ILLUSTRATIVE",
        )


def _floor(dimension: str, value: str, percent: Decimal) -> None:
    quota_set(
        actor=User.objects.get(email=demo.address("admin")),
        kind=Quota.Kind.FLOOR,
        dimension=dimension,
        value=value,
        percent=percent,
        from_quarter=str(Quarter.of(clock.today())),
        reason="ILLUSTRATIVE. A soft floor: score first, floor second.",
        illustrative=True,
    )
