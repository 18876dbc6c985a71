"""People and organisations in the operators' admin: to look at. Changes go through services, on the pages.

The admin has no sign-in of its own: it would know no second factor.
"""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest

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

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Everything shown, nothing changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ["email", "name", "code", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", "programme_roles__role"]
    search_fields = ["email", "name", "code"]
    exclude = ["password", "groups", "user_permissions"]


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "kind", "province", "illustrative"]
    list_filter = ["kind", "province"]
    search_fields = ["name", "code"]


@admin.register(OwnershipRequest)
class OwnershipRequestAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "user", "code", "state", "decided_by", "created_at"]
    list_filter = ["state"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "user", "role"]
    search_fields = ["organisation__name", "user__email"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "organisation", "role", "state", "expires_at"]
    list_filter = ["state"]


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "identifier_kind", "identifier", "state", "expires_on", "verifier"]
    list_filter = ["state", "identifier_kind"]
    # The file is read on the verifier's page, which asks the policy.
    exclude = ["evidence"]


@admin.register(VerificationWord)
class VerificationWordAdmin(ReadOnlyAdmin):
    list_display = ["verification", "verifier", "seat", "expires_on", "women_led"]


@admin.register(RecognisedInstitution)
class RecognisedInstitutionAdmin(ReadOnlyAdmin):
    list_display = ["name", "domains", "province", "is_active"]
    list_filter = ["province", "is_active"]
    search_fields = ["name"]


@admin.register(Removal)
class RemovalAdmin(ReadOnlyAdmin):
    list_display = ["user", "organisation", "created_at"]


@admin.register(Deputy)
class DeputyAdmin(ReadOnlyAdmin):
    list_display = ["person", "deputy", "starts_on", "ends_on", "ended_at"]


@admin.register(TermsVersion)
class TermsVersionAdmin(ReadOnlyAdmin):
    list_display = ["kind", "number", "in_force_from"]


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["user", "terms", "created_at"]


@admin.register(ProgrammeRole)
class ProgrammeRoleAdmin(ReadOnlyAdmin):
    list_display = ["user", "role", "created_at"]
    list_filter = ["role"]


@admin.register(AuditorScope)
class AuditorScopeAdmin(ReadOnlyAdmin):
    list_display = ["user", "kind", "code"]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["code", "user", "name", "created", "expiry"]
    exclude = ["digest"]
