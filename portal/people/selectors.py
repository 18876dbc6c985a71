"""Reading people and organisations, always from somebody's point of view."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Lower

from portal.foundation import clock
from portal.foundation.policies import allowed
from portal.people.models import (
    ApiToken,
    AuditorScope,
    Consent,
    Deputy,
    Invitation,
    Membership,
    Organisation,
    OwnershipRequest,
    ProgrammeRole,
    RecognisedInstitution,
    Removal,
    TermsVersion,
    User,
    Verification,
    VerificationWord,
)
from portal.people.policies import VERIFIERS

# Roles that read every organisation.
SEE_ALL = frozenset({"admin", "verifier", "council"})


def organisations_visible_to(user: Any) -> QuerySet[Organisation]:
    """One's own, and those within an auditor's scopes; verifiers, council and admins see all."""
    organisations = Organisation.objects.prefetch_related("verifications").annotate(
        member_count=_count_of_members()
    )
    if user.roles & SEE_ALL:
        return organisations
    seen = Q(pk__in=user.organisation_ids)
    if "auditor" in user.roles:
        scopes = list(user.auditor_scopes.all())
        if any(scope.kind == AuditorScope.Kind.ALL for scope in scopes):
            return organisations
        seen |= Q(code__in=[scope.code for scope in scopes if scope.kind == AuditorScope.Kind.ORGANISATION])
    return organisations.filter(seen)


def _count_of_members() -> Subquery:
    members = Membership.objects.filter(organisation=OuterRef("pk")).order_by().values("organisation")
    return Subquery(members.annotate(count=Count("pk")).values("count"))


def verified_organisations() -> QuerySet[Organisation]:
    """Those with a verification in force today."""
    in_force = Verification.objects.filter(
        organisation=OuterRef("pk"), state=Verification.State.ACCEPTED, expires_on__gte=clock.today()
    )
    return Organisation.objects.filter(Exists(in_force))


def women_led_organisations() -> QuerySet[Organisation]:
    """Those whose being women-led is confirmed by a verification in force today."""
    confirmed = Verification.objects.filter(
        organisation=OuterRef("pk"),
        state=Verification.State.ACCEPTED,
        expires_on__gte=clock.today(),
        women_led_confirmed=True,
    )
    return Organisation.objects.filter(Exists(confirmed))


def verifications_visible_to(user: Any) -> QuerySet[Verification]:
    """Those of one's own organisations; verifiers and admins see all."""
    verifications = Verification.objects.select_related(
        "organisation", "submitted_by", "verifier"
    ).prefetch_related("words__verifier", "words__seat")
    if allowed(user, "people.verify"):
        return verifications
    return verifications.filter(organisation__in=user.organisation_ids)


def evidence_visible_to(user: Any) -> QuerySet[Verification]:
    """Whose evidence file may be read: by owners of the organisation and by verifiers."""
    verifications = Verification.objects.exclude(evidence="")
    if allowed(user, "people.verify"):
        return verifications
    owned = user.memberships.filter(role=Membership.Role.OWNER).values("organisation")
    return verifications.filter(organisation__in=owned)


def ownership_requests_visible_to(user: Any) -> QuerySet[OwnershipRequest]:
    """One's own; programme admins see all."""
    asked = OwnershipRequest.objects.select_related("organisation", "user")
    return asked if allowed(user, "people.administer") else asked.filter(user=user)


def ownership_requests_to_decide(user: Any) -> QuerySet[OwnershipRequest]:
    """Those that wait for an admin who has no part in the organisation; none for everybody else."""
    if not allowed(user, "people.administer"):
        return OwnershipRequest.objects.none()
    pending = ownership_requests_visible_to(user).filter(state=OwnershipRequest.State.PENDING)
    return pending.exclude(organisation__in=user.organisation_ids)


def pending_verifications(user: Any) -> int:
    """How many verifications, and requests to manage an organisation, this person could decide now.

    0 for people who can't (without a query).
    """
    if not allowed(user, "people.verify"):
        return 0
    pending = Verification.objects.filter(state=Verification.State.PENDING)
    pending = pending.exclude(organisation__in=user.organisation_ids)
    claims = pending.exclude(Q(words__verifier=user) | Q(words__seat=user)).distinct().count()
    return claims + ownership_requests_to_decide(user).count()


def words_that_count(verification: Verification) -> QuerySet[VerificationWord]:
    """Those on an open claim that still stand: their verifier hasn't joined the organisation, nor lost their
    access or, in whose seat they spoke, the role.
    """
    concerned = verification.organisation.memberships.values("user")
    able = User.objects.filter(is_active=True)
    seats = able.filter(programme_roles__role__in=VERIFIERS)
    words = verification.words.filter(verifier__in=able, seat__in=seats)
    return words.exclude(verifier__in=concerned).exclude(seat__in=concerned)


def others_claiming(verification: Verification) -> QuerySet[Organisation]:
    """Other organisations that gave the same identifier, for the verifier's eyes."""
    return (
        Organisation.objects.filter(
            verifications__identifier_kind=verification.identifier_kind,
            verifications__identifier=verification.identifier,
            verifications__state__in=[Verification.State.PENDING, Verification.State.ACCEPTED],
        )
        .exclude(pk=verification.organisation_id)
        .distinct()
    )


def members_of(organisation: Organisation) -> QuerySet[Membership]:
    """Who belongs to it, owners first."""
    return organisation.memberships.select_related("user").order_by("-role", "user__name", "id")


def removals_of(organisation: Organisation) -> QuerySet[Removal]:
    """Who was taken out and can't join by their address, the latest first."""
    return organisation.removals.select_related("user")


def open_invitations_of(organisation: Organisation) -> QuerySet[Invitation]:
    """Invitations that still await an answer."""
    pending = organisation.invitations.filter(state=Invitation.State.PENDING, expires_at__gt=clock.now())
    return pending.select_related("organisation", "invited_by")


def invitations_to(user: Any) -> QuerySet[Invitation]:
    """Invitations to an address that this person has proved to own."""
    proved = user.emailaddress_set.filter(verified=True).annotate(folded=Lower("email")).values("folded")
    invitations = Invitation.objects.select_related("organisation", "invited_by")
    return invitations.annotate(folded=Lower("email")).filter(folded__in=proved)


def invitations_manageable_by(user: Any) -> QuerySet[Invitation]:
    """Invitations that this person may withdraw, as an owner."""
    owned = user.memberships.filter(role=Membership.Role.OWNER).values("organisation")
    return Invitation.objects.select_related("organisation").filter(organisation__in=owned)


def people_visible_to(user: Any) -> QuerySet[User]:
    """The register of people: for programme admins."""
    if not allowed(user, "people.administer"):
        return User.objects.none()
    memberships = Membership.objects.select_related("organisation")
    return User.objects.prefetch_related("programme_roles", Prefetch("memberships", memberships))


def roles_visible_to(user: Any) -> QuerySet[ProgrammeRole]:
    """Programme-wide roles: for programme admins."""
    roles = ProgrammeRole.objects.select_related("user").order_by("user__name", "role")
    return roles if allowed(user, "people.administer") else roles.none()


def scopes_visible_to(user: Any) -> QuerySet[AuditorScope]:
    """Auditors' scopes: for programme admins."""
    scopes = AuditorScope.objects.select_related("user").order_by("user__name", "kind", "code")
    return scopes if allowed(user, "people.administer") else scopes.none()


def tokens_of(user: Any) -> QuerySet[ApiToken]:
    """One's own API tokens that still live."""
    return ApiToken.objects.filter(user=user, expiry__gt=clock.now())


# --- Standing in ------------------------------------------------------------------------------------
def principals_of(user: Any) -> list[User]:
    """For whom this person stands in today, their roles known."""
    return list(user.principals)


def deputies_visible_to(user: Any) -> QuerySet[Deputy]:
    """Who stands in for oneself and for whom one does; admins see all."""
    deputies = Deputy.objects.select_related("person", "deputy")
    if allowed(user, "people.administer"):
        return deputies
    return deputies.filter(Q(person=user) | Q(deputy=user))


# --- Recognised institutions ------------------------------------------------------------------------
def institutions_visible_to(user: Any) -> QuerySet[RecognisedInstitution]:
    """The allow-list, for everybody who signed in; what is out of use only for admins."""
    institutions = RecognisedInstitution.objects.all()
    return institutions if allowed(user, "people.administer") else institutions.filter(is_active=True)


def institution_of(domain: str) -> RecognisedInstitution | None:
    """The recognised institution to whose domains `domain` belongs: as listed, or below one that is.

    Of two the nearer: a college's own domain may lie below its university's.
    """
    return _listed([domain]).get(domain)


def institutions_for(user: Any) -> list[tuple[RecognisedInstitution, str]]:
    """The recognised institutions in which `user` has proved an address, each with the first of these."""
    hosts = {address: address.rpartition("@")[2] for address in sorted(user.verified_addresses)}
    listed = _listed(hosts.values())
    found: dict[RecognisedInstitution, str] = {}
    for address, host in hosts.items():
        if institution := listed.get(host):
            found.setdefault(institution, address)
    return list(found.items())


def is_focal_person(user: Any, institution: RecognisedInstitution | None) -> bool:
    """Whether `user` has proved the address that the list names, which must still lie in its domains."""
    if institution is None or institution.focal_email.lower() not in user.verified_addresses:
        return False
    return institution_of(institution.focal_email.rpartition("@")[2]) == institution


def _listed(domains: Iterable[str]) -> dict[str, RecognisedInstitution]:
    """The nearest institution of each of `domains` that has one, in one query."""
    enclosing = {domain: _enclosing(domain) for domain in domains}
    wanted = {each for above in enclosing.values() for each in above}
    institutions = RecognisedInstitution.objects.filter(is_active=True, domains__overlap=sorted(wanted))
    owners = {own: each for each in institutions for own in each.domains} if wanted else {}
    return {
        domain: owners[nearest]
        for domain, above in enclosing.items()
        if (nearest := next((each for each in above if each in owners), None))
    }


def _enclosing(domain: str) -> list[str]:
    """The domain, and each that it lies below."""
    labels = domain.lower().split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


# --- Terms ------------------------------------------------------------------------------------------
def terms_visible_to(user: Any) -> QuerySet[TermsVersion]:
    """Every version, the latest first: terms are public."""
    return TermsVersion.objects.order_by("-number")


def terms_in_force() -> TermsVersion | None:
    """The terms of acceptable use that hold today; None where an installation has none."""
    kind = TermsVersion.Kind.ACCEPTABLE_USE
    return (
        TermsVersion.objects.filter(kind=kind, in_force_from__lte=clock.today()).order_by("-number").first()
    )


def has_consented(user: Any) -> bool:
    """Whether `user` has said yes to the terms in force. True where there are none."""
    terms = terms_in_force()
    return terms is None or Consent.objects.filter(user=user, terms=terms).exists()
