"""People and organisations as the API shows and takes them."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework import serializers

from portal.people.models import (
    ApiToken,
    AuditorScope,
    Invitation,
    Membership,
    Organisation,
    ProgrammeRole,
    Removal,
    User,
    Verification,
    VerificationWord,
)
from portal.people.models.organisation import WOMEN_LED
from portal.people.selectors import has_consented
from portal.people.services.tokens import LONGEST_DAYS


# --- Oneself ----------------------------------------------------------------------------------------
class MembershipOfMine(serializers.ModelSerializer[Membership]):
    organisation = serializers.CharField(source="organisation.code")
    name = serializers.CharField(source="organisation.name")

    class Meta:
        model = Membership
        fields = ["organisation", "name", "role"]
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[User]):
    roles = serializers.SerializerMethodField()
    organisations = MembershipOfMine(source="memberships", many=True, read_only=True)
    has_second_factor = serializers.BooleanField(read_only=True)
    stands_in_for = serializers.SerializerMethodField()
    has_consented = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = [
            "code",
            "email",
            "name",
            "language",
            "roles",
            "stands_in_for",
            "organisations",
            "has_second_factor",
            "has_consented",
        ]
        read_only_fields = ["code", "email"]

    def get_roles(self, user: User) -> list[str]:
        """Programme-wide roles."""
        return sorted(user.roles)

    def get_stands_in_for(self, user: User) -> list[str]:
        """Codes of the people for whom you stand in today."""
        return [person.code for person in user.principals]

    def get_has_consented(self, user: User) -> bool:
        """Whether you accepted the terms in force."""
        return has_consented(user)


class ProfileInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    beginning = serializers.CharField(read_only=True)

    class Meta:
        model = ApiToken
        fields = ["code", "name", "beginning", "created", "expiry"]
        read_only_fields = fields


class TokenInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    days = serializers.IntegerField(default=90, help_text=f"1 to {LONGEST_DAYS}.")


class TokenMadeSerializer(TokenSerializer):
    """`token` is shown in this reply and never again."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


# --- Organisations ----------------------------------------------------------------------------------
class OrganisationSerializer(serializers.ModelSerializer[Organisation]):
    is_verified = serializers.BooleanField(read_only=True)
    verified_until = serializers.DateField(read_only=True, allow_null=True)
    lapsed_on = serializers.DateField(read_only=True, allow_null=True)
    women_led = serializers.BooleanField(read_only=True, help_text="As the organisation says.")
    counts_as_women_led = serializers.BooleanField(read_only=True, help_text="As a verifier confirmed.")

    class Meta:
        model = Organisation
        fields = [
            "code",
            "name",
            "kind",
            "province",
            "women_led",
            "counts_as_women_led",
            "website",
            "illustrative",
            "is_verified",
            "verified_until",
            "lapsed_on",
            "created_at",
        ]
        read_only_fields = fields


class OrganisationChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    province = serializers.ChoiceField(choices=Organisation.Province.choices)
    women_led = serializers.BooleanField(required=False, help_text=WOMEN_LED)
    website = serializers.URLField(required=False, allow_blank=True, default="")


class OrganisationInput(OrganisationChange):
    kind = serializers.ChoiceField(choices=Organisation.Kind.choices)
    women_led = serializers.BooleanField(default=False, help_text=WOMEN_LED)


class OrganisationMemberSerializer(serializers.ModelSerializer[Membership]):
    user = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")
    email = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["user", "name", "email", "role", "created_at"]
        read_only_fields = fields

    def get_email(self, member: Membership) -> str | None:
        """For owners and admins, and one's own; null for everybody else."""
        shown = self.context["sees_addresses"] or member.user_id == self.context["viewer"].pk
        return member.user.email if shown else None


class RemovalSerializer(serializers.ModelSerializer[Removal]):
    user = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")

    class Meta:
        model = Removal
        fields = ["user", "name", "created_at"]
        read_only_fields = fields


class OrganisationMemberInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Membership.Role.choices)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    organisation = serializers.CharField(source="organisation.code")
    organisation_name = serializers.CharField(source="organisation.name")
    invited_by = serializers.CharField(source="invited_by.name")

    class Meta:
        model = Invitation
        fields = [
            "code",
            "organisation",
            "organisation_name",
            "email",
            "role",
            "state",
            "invited_by",
            "expires_at",
        ]
        read_only_fields = fields


class InvitationInput(serializers.Serializer[Any]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Membership.Role.choices, default=Membership.Role.MEMBER)


class WordSerializer(serializers.ModelSerializer[VerificationWord]):
    verifier = serializers.CharField(source="verifier.name")
    seat = serializers.CharField(source="seat.name", help_text="In whose place, where a deputy spoke.")

    class Meta:
        model = VerificationWord
        fields = ["verifier", "seat", "created_at", "expires_on", "women_led", "remark"]
        read_only_fields = fields


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    organisation = serializers.CharField(source="organisation.code")
    organisation_name = serializers.CharField(source="organisation.name")
    submitted_by = serializers.CharField(source="submitted_by.name")
    verifier = serializers.CharField(source="verifier.name", default=None, allow_null=True)
    is_in_force = serializers.BooleanField()
    words = WordSerializer(many=True)

    class Meta:
        model = Verification
        fields = [
            "code",
            "organisation",
            "organisation_name",
            "identifier_kind",
            "identifier",
            "province",
            "women_led",
            "women_led_confirmed",
            "state",
            "rule",
            "words_needed",
            "words",
            "is_in_force",
            "submitted_by",
            "created_at",
            "verifier",
            "decided_at",
            "reason",
            "expires_on",
        ]
        read_only_fields = fields


class VerificationInput(serializers.Serializer[Any]):
    """Sent as multipart/form-data."""

    identifier_kind = serializers.CharField(help_text="cuin or ntn (startup), hec (academic), gov (agency).")
    identifier = serializers.CharField(max_length=60)
    province = serializers.ChoiceField(
        choices=Organisation.Province.choices, required=False, help_text="Without: the organisation's."
    )
    women_led = serializers.BooleanField(required=False, default=None, allow_null=True, help_text=WOMEN_LED)
    evidence = serializers.FileField(
        required=False, allow_null=True, allow_empty_file=True, help_text="PDF, PNG or JPEG, at most 10 MB."
    )


class VerificationDecisionInput(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=["accept", "refuse", "revoke"])
    expires_on = serializers.DateField(required=False, help_text="For accept: the last day.")
    women_led = serializers.BooleanField(
        default=False, help_text="For accept: the evidence shows that it is women-led."
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["decision"] == "accept" and "expires_on" not in attrs:
            raise serializers.ValidationError({"expires_on": _("Give the last day of the verification.")})
        return attrs


# --- The register of people -------------------------------------------------------------------------
class ProgrammeRoleSerializer(serializers.ModelSerializer[ProgrammeRole]):
    class Meta:
        model = ProgrammeRole
        fields = ["code", "role", "created_at"]
        read_only_fields = fields


class ScopeSerializer(serializers.ModelSerializer[AuditorScope]):
    code = serializers.CharField(source="public_code")
    of = serializers.CharField(source="code")

    class Meta:
        model = AuditorScope
        fields = ["code", "kind", "of"]
        read_only_fields = fields


class PersonSerializer(serializers.ModelSerializer[User]):
    roles = ProgrammeRoleSerializer(source="programme_roles", many=True)
    scopes = ScopeSerializer(source="auditor_scopes", many=True)
    organisations = MembershipOfMine(source="memberships", many=True)

    class Meta:
        model = User
        fields = ["code", "name", "email", "is_active", "roles", "scopes", "organisations", "last_login"]
        read_only_fields = fields


class ReasonInput(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True)


class ProgrammeRoleInput(ReasonInput):
    role = serializers.ChoiceField(choices=ProgrammeRole.Role.choices)


class ScopeInput(ReasonInput):
    kind = serializers.ChoiceField(choices=AuditorScope.Kind.choices)
    of = serializers.CharField(required=False, allow_blank=True, default="", help_text="Code of the thing.")


class RevokeInput(ReasonInput):
    code = serializers.CharField(help_text="Code of the role or scope.")
