"""Reading people and organisations, always from somebody's point of view."""

from typing import Any

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Lower

from portal.foundation import clock
from portal.foundation.policies import allowed
from portal.people.models import (
    ApiToken,
    AuditorScope,
    Invitation,
    Membership,
    Organisation,
    ProgrammeRole,
    User,
    Verification,
)

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


def verifications_visible_to(user: Any) -> QuerySet[Verification]:
    """Those of one's own organisations; verifiers and admins see all."""
    verifications = Verification.objects.select_related("organisation", "submitted_by", "verifier")
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


def pending_verifications(user: Any) -> int:
    """How many verifications this person could decide now; 0 for people who can't (without a query)."""
    if not allowed(user, "people.verify"):
        return 0
    pending = Verification.objects.filter(state=Verification.State.PENDING)
    return pending.exclude(organisation__in=user.memberships.values("organisation")).count()


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
