"""Letters over the API: one's own as PDF, and for everybody whether a letter is genuine."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.awards.letters.response import pdf_response
from allocations.awards.letters.selectors import awards_visible_to, letter_of_code, standing_of
from allocations.awards.models import Letter
from portal.foundation.errors import NotVisible
from portal.foundation.units import seconds_to_hours


class LetterSerializer(serializers.ModelSerializer[Letter]):
    """What a genuine letter says. Persons aren't named."""

    award = serializers.CharField(source="award.code")
    gpu_hours = serializers.SerializerMethodField()
    starts_on = serializers.DateField(source="award.starts_on")
    ends_on = serializers.DateField(source="award.ends_on")
    awarded_at = serializers.DateTimeField(source="award.created_at")
    state = serializers.CharField(source="award.allocation.state")
    standing = serializers.SerializerMethodField()
    illustrative = serializers.BooleanField(source="award.allocation.project.illustrative")

    class Meta:
        model = Letter
        fields = [
            "code",
            "award",
            "organisation",
            "project",
            "resource",
            "site",
            "gpu_hours",
            "starts_on",
            "ends_on",
            "awarded_at",
            "issued_at",
            "state",
            "standing",
            "illustrative",
        ]
        read_only_fields = fields

    def get_gpu_hours(self, letter: Letter) -> float:
        return float(seconds_to_hours(letter.award.gpu_seconds))

    def get_standing(self, letter: Letter) -> str:
        return standing_of(letter)


class LetterCheck(GenericAPIView[Letter]):
    """Whether a letter with this verification code was issued, and what it says. Nobody needs to sign in."""

    permission_classes = [AllowAny]
    serializer_class = LetterSerializer

    def get(self, request: Request, code: str) -> Response:
        letter = letter_of_code(code)
        if letter is None:
            raise NotVisible(_("There is no such letter."))
        return Response(LetterSerializer(letter).data)


class AwardLetter(GenericAPIView[Any]):
    """The letter of an award that you may see, as PDF."""

    serializer_class = serializers.Serializer

    @extend_schema(
        parameters=[OpenApiParameter("lang", enum=["en", "ur"], description="The letter's language.")],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        award = awards_visible_to(request.user).filter(code=code).first()
        if award is None:
            raise NotVisible
        return pdf_response(request.user, award, request.query_params.get("lang", ""))
