"""The estimator over the API. It asks for no token."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from allocations.programme.estimator import GPUS, KINDS, Work, estimate, parse_quantity
from portal.foundation.errors import InvalidInput


class Quantity(serializers.CharField):
    """A large amount: a number, or 7B, 200M, 1.5T."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse_quantity(super().to_internal_value(data))
        except InvalidInput as error:
            raise serializers.ValidationError(error.text) from error


class EstimateInput(serializers.Serializer[Any]):
    """What is to be computed. Which amounts are needed depends on `kind`."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    gpu = serializers.ChoiceField(choices=list(GPUS))
    parameters = Quantity(required=False, help_text="Of the model; the active ones of a mixture of experts.")
    tokens = Quantity(required=False, help_text="Of one epoch; for inference, those read.")
    epochs = Quantity(required=False)
    generated = Quantity(required=False, help_text="Tokens written; for inference.")
    images = Quantity(required=False)
    gmacs = Quantity(required=False, help_text="Billions of multiply-adds for one picture, forwards.")
    gpus = Quantity(required=False)
    hours = Quantity(required=False, help_text="Of one run.")
    runs = Quantity(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = set(KINDS[attrs["kind"]].fields) - {"epochs", "runs"}
        if missing := sorted(needed - attrs.keys()):
            raise serializers.ValidationError({name: _("This kind of work needs it.") for name in missing})
        return attrs


class RangeSerializer(serializers.Serializer[Any]):
    low = serializers.FloatField()
    middle = serializers.FloatField()
    high = serializers.FloatField()


class ScaleSerializer(serializers.Serializer[Any]):
    gpus = serializers.IntegerField()
    days = serializers.FloatField()


class EstimateSerializer(serializers.Serializer[Any]):
    """`scale`: the middle as so many GPUs for so many days. `least_gpus`: how many hold the model."""

    gpu_hours = RangeSerializer()
    flops = RangeSerializer(allow_null=True)
    utilisation = RangeSerializer(allow_null=True)
    least_gpus = serializers.IntegerField()
    scale = ScaleSerializer()
    assumptions = serializers.ListField(child=serializers.CharField())


class EstimateView(APIView):
    """GPU-hours of a piece of work: a range, with its assumptions."""

    permission_classes = [AllowAny]

    @extend_schema(parameters=[EstimateInput], responses=EstimateSerializer)
    def get(self, request: Request) -> Response:
        """Estimate the GPU-hours of training, fine-tuning or inference."""
        sent = EstimateInput(data=request.query_params)
        sent.is_valid(raise_exception=True)
        asked = dict(sent.validated_data)
        kind, gpu = KINDS[asked.pop("kind")], GPUS[asked.pop("gpu")]
        amounts = {name: value for name, value in asked.items() if name in kind.fields}
        found = estimate(Work(kind=kind, gpu=gpu, **amounts))
        return Response(EstimateSerializer(found).data)
