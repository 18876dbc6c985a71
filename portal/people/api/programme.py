"""Deputies, recognised institutions and terms over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet, given
from portal.foundation.policies import require
from portal.people.filtersets import DeputyFilter, InstitutionFilter
from portal.people.models import Consent, Deputy, Organisation, RecognisedInstitution, TermsVersion
from portal.people.selectors import deputies_visible_to, institutions_visible_to, terms_visible_to
from portal.people.services.deputies import deputy_end, deputy_name
from portal.people.services.institution_import import institutions_import, institutions_plan
from portal.people.services.institutions import institution_add, institution_update
from portal.people.services.terms import consent_give, terms_publish


# --- Shapes -----------------------------------------------------------------------------------------
class DeputySerializer(serializers.ModelSerializer[Deputy]):
    person = serializers.CharField(source="person.code")
    person_name = serializers.CharField(source="person.name")
    deputy = serializers.CharField(source="deputy.code")
    deputy_name = serializers.CharField(source="deputy.name")
    standing = serializers.CharField(source="state", help_text="planned, active, expired or ended.")

    class Meta:
        model = Deputy
        fields = [
            "code",
            "person",
            "person_name",
            "deputy",
            "deputy_name",
            "starts_on",
            "ends_on",
            "standing",
            "reason",
            "ended_at",
        ]
        read_only_fields = fields


class DeputyInput(serializers.Serializer[Any]):
    email = serializers.EmailField(help_text="With which the deputy signs in.")
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="The last day, included.")
    reason = serializers.CharField(allow_blank=True)


class InstitutionSerializer(serializers.ModelSerializer[RecognisedInstitution]):
    domains = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = RecognisedInstitution
        fields = ["code", "name", "domains", "province", "source", "is_active", "created_at", "updated_at"]
        read_only_fields = fields


class InstitutionInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    domains = serializers.ListField(child=serializers.CharField(max_length=100))
    province = serializers.ChoiceField(choices=Organisation.Province.choices)
    source = serializers.CharField(max_length=300)  # type: ignore[assignment]
    focal_email = serializers.EmailField(
        required=False,
        allow_blank=True,
        help_text="Whoever proves it manages the institution's organisation.",
    )
    is_active = serializers.BooleanField(default=True)


class InstitutionImportInput(serializers.Serializer[Any]):
    table = serializers.CharField(
        trim_whitespace=False, help_text="CSV with the columns name,domains,province,source and maybe active."
    )
    apply = serializers.BooleanField(default=False, help_text="False: only say what would change.")


class RowFaultSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="As a spreadsheet counts: the header is row 1.")
    field = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField()


class RowChangeSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    name = serializers.CharField()
    was = serializers.DictField(allow_null=True, help_text="The fields that differ; null for a new one.")
    now = serializers.DictField()


class InstitutionPlanSerializer(serializers.Serializer[Any]):
    changes = RowChangeSerializer(many=True)
    unchanged = serializers.IntegerField()
    faults = RowFaultSerializer(many=True)


class TermsSerializer(serializers.ModelSerializer[TermsVersion]):
    class Meta:
        model = TermsVersion
        fields = ["code", "number", "text_en", "text_ur", "in_force_from", "created_at"]
        read_only_fields = fields


class TermsInput(serializers.Serializer[Any]):
    text_en = serializers.CharField(help_text="One clause a line.")
    text_ur = serializers.CharField(help_text="One clause a line, the same ones.")
    in_force_from = serializers.DateField()


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    terms = serializers.CharField(source="terms.code")
    number = serializers.IntegerField(source="terms.number")

    class Meta:
        model = Consent
        fields = ["terms", "number", "created_at"]
        read_only_fields = fields


# --- Views ------------------------------------------------------------------------------------------
class DeputyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Who stands in for you, and for whom you stand in; admins see all."""

    selector = deputies_visible_to
    queryset = Deputy.objects.none()
    serializer_class = DeputySerializer
    filterset_class = DeputyFilter

    @extend_schema(request=DeputyInput, responses={201: DeputySerializer})
    def create(self, request: Request) -> Response:
        """Name a deputy for some days. For people who decide something."""
        made = deputy_name(actor=request.user, **given(DeputyInput, request))
        return Response(DeputySerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=DeputySerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, **kwargs: Any) -> Response:
        """End it at once. For the person, the deputy and admins."""
        return Response(DeputySerializer(deputy_end(actor=request.user, deputy=self.get_object())).data)


class InstitutionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """The allow-list of recognised institutions. Read by everybody who signed in, kept by admins."""

    selector = institutions_visible_to
    queryset = RecognisedInstitution.objects.none()
    serializer_class = InstitutionSerializer
    filterset_class = InstitutionFilter

    @extend_schema(request=InstitutionInput, responses={201: InstitutionSerializer})
    def create(self, request: Request) -> Response:
        """Add an institution. For admins."""
        made = institution_add(actor=request.user, **given(InstitutionInput, request))
        return Response(InstitutionSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=InstitutionInput, responses=InstitutionSerializer)
    def update(self, request: Request, **kwargs: Any) -> Response:
        """Change an entry, or take it out of use. For admins."""
        institution = self.get_object()
        require(request.user, "people.administer")
        fields = given(InstitutionInput, request)
        changed = institution_update(actor=request.user, institution=institution, **fields)
        return Response(InstitutionSerializer(changed).data)

    @extend_schema(
        request=InstitutionImportInput,
        responses=InstitutionPlanSerializer,
        operation_id="institutions_import",
    )
    @action(detail=False, methods=["post"], url_path="import", url_name="import")
    def import_table(self, request: Request) -> Response:
        """What a table would change, or, with `apply`, the change: all of it or nothing. For admins."""
        fields = given(InstitutionImportInput, request)
        do = institutions_import if fields["apply"] else institutions_plan
        return Response(InstitutionPlanSerializer(do(actor=request.user, table=fields["table"])).data)


class TermsViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """The terms of acceptable use in all versions, the latest first."""

    selector = terms_visible_to
    queryset = TermsVersion.objects.none()
    serializer_class = TermsSerializer

    @extend_schema(request=TermsInput, responses={201: TermsSerializer})
    def create(self, request: Request) -> Response:
        """Write the next version. For admins."""
        made = terms_publish(actor=request.user, **given(TermsInput, request))
        return Response(TermsSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ConsentSerializer)
    @action(detail=False, methods=["post"])
    def consent(self, request: Request) -> Response:
        """Say yes to the version in force."""
        return Response(ConsentSerializer(consent_give(request.user)).data)
