"""Organisations, members, invitations and verifications over REST."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet, given
from portal.foundation.errors import NotVisible
from portal.foundation.policies import allowed, require
from portal.people.api.ownership import OwnershipReason, OwnershipSerializer
from portal.people.api.serializers import (
    InvitationInput,
    InvitationSerializer,
    OrganisationChange,
    OrganisationInput,
    OrganisationMemberInput,
    OrganisationMemberSerializer,
    OrganisationSerializer,
    RemovalSerializer,
    VerificationDecisionInput,
    VerificationInput,
    VerificationSerializer,
)
from portal.people.evidence import response_of
from portal.people.filtersets import OrganisationFilter, VerificationFilter
from portal.people.models import Invitation, Organisation, Verification
from portal.people.selectors import (
    evidence_visible_to,
    invitations_to,
    members_of,
    open_invitations_of,
    organisations_visible_to,
    removals_of,
    verifications_visible_to,
)
from portal.people.services import members, organisations, verifications
from portal.people.services.ownership import ownership_ask
from portal.people.services.recognition import institution_join


class OrganisationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Your organisations; verifiers, council and admins see all."""

    selector = organisations_visible_to
    queryset = Organisation.objects.none()
    serializer_class = OrganisationSerializer
    filterset_class = OrganisationFilter

    @extend_schema(request=OrganisationInput, responses={201: OrganisationSerializer})
    def create(self, request: Request) -> Response:
        """Found an organisation; you become its owner."""
        fields = given(OrganisationInput, request)
        made = organisations.organisation_create(actor=request.user, **fields)
        return Response(OrganisationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OrganisationChange, responses=OrganisationSerializer)
    def update(self, request: Request, **kwargs: Any) -> Response:
        """Change name, province and website. For owners."""
        organisation = self.get_object()
        fields = given(OrganisationChange, request)
        changed = organisations.organisation_update(
            actor=request.user,
            organisation=organisation,
            **fields,
        )
        return Response(OrganisationSerializer(changed).data)

    @extend_schema(responses=OrganisationMemberSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def members(self, request: Request, **kwargs: Any) -> Response:
        """Who belongs to it, owners first. Addresses are for owners and admins."""
        organisation = self.get_object()
        page = self.paginate_queryset(members_of(organisation)) or []
        return self.get_paginated_response(self._shown(organisation, page, many=True))

    def _shown(self, organisation: Organisation, what: Any, **options: Any) -> Any:
        """A member, or many, as the viewer sees them."""
        viewer = self.request.user
        sees_addresses = allowed(viewer, "people.see_addresses", organisation)
        context = {"viewer": viewer, "sees_addresses": sees_addresses}
        return OrganisationMemberSerializer(what, context=context, **options).data

    @extend_schema(responses=RemovalSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def removals(self, request: Request, **kwargs: Any) -> Response:
        """Who was taken out and can't join by their address. For owners; where nobody owns it, for admins."""
        organisation = self.get_object()
        require(request.user, "people.change_member_role", organisation)
        page = self.paginate_queryset(removals_of(organisation)) or []
        return self.get_paginated_response(RemovalSerializer(page, many=True).data)

    @extend_schema(request=None, responses={204: None})
    @action(
        detail=True,
        methods=["delete"],
        url_path=r"removals/(?P<member>usr-[a-z0-9]+)",
        url_name="removal",
    )
    def removal(self, request: Request, member: str, **kwargs: Any) -> Response:
        """Let them join again. For owners; where nobody owns it, for admins who have no part in it."""
        organisation = self.get_object()
        found = removals_of(organisation).filter(user__code=member).first()
        if found is None:
            raise NotVisible
        members.member_readmit(actor=request.user, organisation=organisation, user=found.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=OrganisationMemberInput, responses=OrganisationMemberSerializer, methods=["PATCH"])
    @extend_schema(responses={204: None}, methods=["DELETE"])
    @action(
        detail=True,
        methods=["patch", "delete"],
        url_path=r"members/(?P<member>usr-[a-z0-9]+)",
        url_name="member",
    )
    def member(self, request: Request, member: str, **kwargs: Any) -> Response:
        """Change a member's role, or remove them. For owners; anybody may remove themselves."""
        organisation = self.get_object()
        membership = members_of(organisation).filter(user__code=member).first()
        if membership is None:
            raise NotVisible
        whom = {"actor": request.user, "organisation": organisation, "user": membership.user}
        if request.method == "DELETE":
            members.member_remove(**whom)
            return Response(status=status.HTTP_204_NO_CONTENT)
        changed = members.member_role_change(**whom, **given(OrganisationMemberInput, request))
        return Response(self._shown(organisation, changed))

    @extend_schema(request=None, responses=OrganisationMemberSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path=r"members/(?P<member>usr-[a-z0-9]+)/hand-over",
        url_name="hand-over",
    )
    def hand_over(self, request: Request, member: str, **kwargs: Any) -> Response:
        """Make another member the owner in your stead; you stay as a plain member."""
        organisation = self.get_object()
        membership = members_of(organisation).filter(user__code=member).first()
        if membership is None:
            raise NotVisible
        changed = members.ownership_hand_over(
            actor=request.user, organisation=organisation, user=membership.user
        )
        return Response(self._shown(organisation, changed))

    @extend_schema(request=None, responses=OrganisationSerializer)
    @action(detail=False, methods=["post"])
    def join(self, request: Request) -> Response:
        """Join the recognised institution in whose domain you proved an address; it is verified at once."""
        joined = institution_join(actor=request.user)
        return Response(OrganisationSerializer(joined).data)

    @extend_schema(request=OwnershipReason, responses={201: OwnershipSerializer})
    @action(detail=True, methods=["post"], url_path="ask-ownership", url_name="ask-ownership")
    def ask_ownership(self, request: Request, **kwargs: Any) -> Response:
        """Ask to manage what nobody manages. For members; a programme admin answers."""
        organisation = self.get_object()
        fields = given(OwnershipReason, request)
        asked = ownership_ask(actor=request.user, organisation=organisation, **fields)
        return Response(OwnershipSerializer(asked).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=InvitationSerializer(many=True), methods=["GET"], filters=False)
    @extend_schema(request=InvitationInput, responses={201: InvitationSerializer}, methods=["POST"])
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def invitations(self, request: Request, **kwargs: Any) -> Response:
        """Open invitations, and inviting an address. For owners."""
        organisation = self.get_object()
        require(request.user, "people.manage_organisation", organisation)
        if request.method == "GET":
            return Response(InvitationSerializer(open_invitations_of(organisation), many=True).data)
        made = members.member_invite(
            actor=request.user,
            organisation=organisation,
            **given(InvitationInput, request),
        )
        return Response(InvitationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=VerificationSerializer(many=True), methods=["GET"], filters=False)
    @extend_schema(request=VerificationInput, responses={201: VerificationSerializer}, methods=["POST"])
    @action(
        detail=True,
        methods=["get", "post"],
        parser_classes=[MultiPartParser, FormParser, JSONParser],
        pagination_class=None,
    )
    def verifications(self, request: Request, **kwargs: Any) -> Response:
        """What was claimed and decided; and submitting a claim with its evidence (for owners)."""
        organisation = self.get_object()
        if request.method == "GET":
            seen = verifications_visible_to(request.user).filter(organisation=organisation)
            return Response(VerificationSerializer(seen, many=True).data)
        fields = given(VerificationInput, request)
        made = verifications.verification_submit(
            actor=request.user,
            organisation=organisation,
            upload=fields.pop("evidence", None),
            **fields,
        )
        return Response(VerificationSerializer(made).data, status=status.HTTP_201_CREATED)


class InvitationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Invitations to an address of yours."""

    selector = invitations_to
    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, **kwargs: Any) -> Response:
        """Join the organisation."""
        members.invitation_accept(actor=request.user, invitation=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, **kwargs: Any) -> Response:
        """Say no."""
        members.invitation_decline(actor=request.user, invitation=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)


class VerificationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Claims of your organisations; verifiers and admins see all."""

    selector = verifications_visible_to
    queryset = Verification.objects.none()
    serializer_class = VerificationSerializer
    filterset_class = VerificationFilter

    @extend_schema(request=VerificationDecisionInput, responses=VerificationSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, **kwargs: Any) -> Response:
        """Accept (until a day), refuse or revoke (with a reason). For verifiers who are no members.

        An agency stays pending until a second verifier has accepted as well.
        """
        whom: dict[str, Any] = {"actor": request.user, "verification": self.get_object()}
        fields = given(VerificationDecisionInput, request)
        reason, decision = fields["reason"], fields["decision"]
        if decision == "accept":
            decided = verifications.verification_accept(
                **whom, reason=reason, expires_on=fields["expires_on"], women_led=fields["women_led"]
            )
        elif decision == "refuse":
            decided = verifications.verification_refuse(**whom, reason=reason)
        else:
            decided = verifications.verification_revoke(**whom, reason=reason)
        return Response(VerificationSerializer(decided).data)

    @extend_schema(request=None, responses=VerificationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Take an open claim back. For owners."""
        taken = verifications.verification_withdraw(
            actor=request.user,
            verification=self.get_object(),
        )
        return Response(VerificationSerializer(taken).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def evidence(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """The evidence file. For owners and verifiers."""
        verification = evidence_visible_to(request.user).filter(code=self.kwargs["code"]).first()
        if verification is None:
            raise NotVisible
        return response_of(verification)
