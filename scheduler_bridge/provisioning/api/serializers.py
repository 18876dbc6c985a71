"""Slurm accounts of allocations as the API shows them."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class DriftSerializer(serializers.Serializer[Any]):
    """One allocation's Slurm account. `actions` are what bringing it into line would do first; `remedies`
    what only the site's admins can do; `error` says why nothing is known. Minutes are GPU-minutes."""

    allocation = serializers.CharField(source="allocation.code")
    in_line = serializers.BooleanField(source="is_in_line")
    desired = serializers.DictField()
    found = serializers.DictField()
    actions = serializers.ListField(child=serializers.CharField())
    remedies = serializers.ListField(child=serializers.CharField())
    error = serializers.CharField(allow_blank=True)


class AskedSerializer(serializers.Serializer[Any]):
    """How many allocations workers were asked to bring into line."""

    allocations = serializers.IntegerField()


class AdoptableSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    organization = serializers.CharField()
    parent = serializers.CharField()  # type: ignore[assignment]  # DRF has a parent of its own
    gpu_minutes = serializers.IntegerField(allow_null=True)
    will_be_minutes = serializers.IntegerField()
    users = serializers.ListField(child=serializers.CharField())
    shut_out = serializers.ListField(child=serializers.CharField())
    open_jobs = serializers.IntegerField()
    by_hand = serializers.CharField(allow_blank=True)


class AdoptInput(serializers.Serializer[Any]):
    slurm_account = serializers.CharField(max_length=40)
    confirm = serializers.BooleanField(help_text="The site agrees that the portal sets its limits.")

    def validate_confirm(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError(_("Look at what is there with GET, then send true."))
        return value


class AdoptedSerializer(serializers.Serializer[Any]):
    slurm_account = serializers.CharField()
    generation = serializers.IntegerField()


class ShareInput(serializers.Serializer[Any]):
    lent_percent = serializers.IntegerField(min_value=1, max_value=100)
    reason = serializers.CharField(max_length=2000)


class ShareSerializer(serializers.Serializer[Any]):
    """`lent_gpus` is null where all GPUs are lent."""

    lent_percent = serializers.IntegerField()
    lent_gpus = serializers.IntegerField(allow_null=True)
