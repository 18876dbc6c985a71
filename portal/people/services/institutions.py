"""The allow-list of recognised institutions, kept by programme admins."""

import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from portal.foundation.services import records
from portal.people.identifiers import DOMAIN
from portal.people.models import Organisation, RecognisedInstitution
from portal.people.services._gate import require_admin, require_line

SHOWN = ("name", "domains", "province", "source", "focal_email", "is_active")
MOST_DOMAINS = 20
MOST_CHARACTERS = 100
# Whoever registers a name gets one of these, so such a domain would vouch for everybody.
NOT_ONE_INSTITUTION = re.compile(r"(ac|com|edu|fam|gob|gok|gop|gos|gov|info|net|org|res|web)\.[a-z]{2}")
# Mail for everybody: an address there says nothing about where somebody belongs.
FOR_EVERYBODY = re.compile(
    r"(.+\.)?(gmail|googlemail|yahoo|ymail|hotmail|outlook|live|msn|icloud|me|aol|proton|protonmail|gmx|mail|zoho)"
    r"\.(com|net|org|me|co|pk|com\.pk|co\.uk)"
)


@transaction.atomic
def institution_add(
    *,
    actor: Any,
    name: str,
    domains: Iterable[str],
    province: str,
    source: str,
    focal_email: str = "",
    is_active: bool = True,
) -> RecognisedInstitution:
    """Add an institution. Who proves `focal_email` manages its organisation.

    Raises InvalidInput (name, domains, province, source, focal_email), NotAllowed, SecondFactorNeeded.
    """
    require_admin(actor)
    hold_list()
    fields = checked(name=name, domains=domains, province=province, source=source)
    require_free(fields["domains"])
    fields["focal_email"] = checked_focal(focal_email, fields["domains"])
    record = RecognisedInstitution(**fields, is_active=is_active)
    return records.insert(actor=actor, action="institution_add", record=record, shown=SHOWN)


@transaction.atomic
def institution_update(
    *,
    actor: Any,
    institution: RecognisedInstitution,
    name: str,
    domains: Iterable[str],
    province: str,
    source: str,
    is_active: bool,
    focal_email: str | None = None,
) -> RecognisedInstitution:
    """Change an entry, or take it out of use. Who was verified by it stays so. Raises as for adding.

    Its organisation, where it is here, takes the name and province. `focal_email` None leaves it as it is.
    """
    require_admin(actor)
    hold_list()
    fields = checked(name=name, domains=domains, province=province, source=source)
    require_free(fields["domains"], besides=institution)
    focal = institution.focal_email if focal_email is None else focal_email
    changes = fields | {"is_active": is_active, "focal_email": checked_focal(focal, fields["domains"])}
    changed = records.update(actor=actor, action="institution_update", record=institution, changes=changes)
    pass_on(actor, changed)
    return changed


def pass_on(actor: Any, institution: RecognisedInstitution) -> None:
    """Its organisation is called and placed as it is."""
    for organisation in Organisation.objects.filter(institution=institution):
        records.update(
            actor=actor,
            action="organisation_update",
            record=organisation,
            changes={"name": institution.name, "province": institution.province},
        )


def hold_list() -> None:
    """Keep the list still until the transaction ends: a domain belongs to one institution."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recognised institutions'))")


def checked(*, name: str, domains: Iterable[str], province: str, source: str) -> dict[str, Any]:
    """The fields as they are kept. Raises InvalidInput, naming the field."""
    if province not in Organisation.Province.values:
        raise InvalidInput(
            _("“%(text)s” is no province.") % {"text": province},
            field="province",
            remedy=_("One of: %(codes)s.") % {"codes": ", ".join(Organisation.Province.values)},
        )
    return {
        "name": require_line(name, field="name"),
        "domains": _checked_domains(domains),
        "province": province,
        "source": require_line(source, field="source"),
    }


def require_free(domains: list[str], *, besides: RecognisedInstitution | None = None) -> None:
    """Raises InvalidInput where one of `domains` belongs to another institution."""
    others = RecognisedInstitution.objects.filter(domains__overlap=domains)
    other = (others.exclude(pk=besides.pk) if besides else others).first()
    if other is not None:
        taken = sorted(set(domains) & set(other.domains))
        raise InvalidInput(
            _("%(domain)s belongs to %(institution)s already.") % {"domain": taken[0], "institution": other},
            field="domains",
            remedy=_("A domain stands for one institution: take it away there first."),
        )


def checked_focal(email: str, domains: list[str]) -> str:
    """Empty, or an address of the institution's own. Raises InvalidInput (focal_email)."""
    if not (folded := email.strip().lower()):
        return ""
    host = folded.rpartition("@")[2]
    try:
        validate_email(folded)
        within = any(host == domain or host.endswith(f".{domain}") for domain in domains)
    except ValidationError:
        within = False
    if not within:
        raise InvalidInput(
            _("This is no address in a domain of the institution."),
            field="focal_email",
            remedy=_("Give an address such as registrar@university.edu.pk, or leave it empty."),
        )
    return folded


def _checked_domains(domains: Iterable[str]) -> list[str]:
    folded = sorted({domain.strip().lower().lstrip("@") for domain in domains if domain.strip()})
    if not folded:
        raise InvalidInput(
            _("There is no domain."),
            field="domains",
            remedy=_("Give at least one, such as university.edu.pk."),
        )
    if len(folded) > MOST_DOMAINS:
        raise InvalidInput(
            _("These are more than %(most)s domains.") % {"most": MOST_DOMAINS}, field="domains"
        )
    for domain in folded:
        if len(domain) > MOST_CHARACTERS or not DOMAIN.fullmatch(domain):
            raise InvalidInput(
                _("“%(text)s” is no domain.") % {"text": domain},
                field="domains",
                remedy=_("Write it like university.edu.pk, without @ or https://."),
            )
        if NOT_ONE_INSTITUTION.fullmatch(domain) or FOR_EVERYBODY.fullmatch(domain):
            raise InvalidInput(
                _("%(domain)s isn't one institution's own.") % {"domain": domain},
                field="domains",
                remedy=_("By itself it proves nothing: name the institution's domain below it."),
            )
    return folded
