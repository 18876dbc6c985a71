"""Keys and uploads as the API shows and takes them."""

import base64
import binascii
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from datacenters.models import Site
from scheduler_bridge.models import UsageKey, UsageUpload


class Base64Field(serializers.CharField):
    """Bytes, in base64."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return base64.b64decode("".join(super().to_internal_value(data).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise serializers.ValidationError(_("This isn't base64.")) from error


class UsageKeySerializer(serializers.ModelSerializer[UsageKey]):
    site = serializers.CharField(source="site.code")
    registered_by = serializers.CharField(source="registered_by.name")
    revoked_by = serializers.CharField(source="revoked_by.name", default=None)

    class Meta:
        model = UsageKey
        fields = [
            "code",
            "site",
            "name",
            "public_key",
            "fingerprint",
            "registered_by",
            "created_at",
            "revoked_at",
            "revoked_by",
            "reason",
        ]
        read_only_fields = fields


class UsageKeyInput(serializers.Serializer[Any]):
    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    name = serializers.CharField(max_length=80)
    public_key = serializers.CharField(max_length=4000, help_text="Ed25519, PEM.")


class KeyRevokeInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class UploadSerializer(serializers.ModelSerializer[UsageUpload]):
    """`new`, `changed`, `known`, `wrong` (rows) and `gpu_seconds` are what accepting it did."""

    site = serializers.CharField(source="site.code")
    key = serializers.CharField(source="key.code")
    uploaded_by = serializers.CharField(source="uploaded_by.name")
    decided_by = serializers.CharField(source="decided_by.name", default=None)

    class Meta:
        model = UsageUpload
        fields = [
            "code",
            "site",
            "key",
            "filename",
            "sha256",
            "rows",
            "state",
            "uploaded_by",
            "created_at",
            "decided_by",
            "decided_at",
            "new",
            "changed",
            "known",
            "wrong",
            "gpu_seconds",
        ]
        read_only_fields = fields


class UploadFaultSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="The line in the file.")
    run_id = serializers.CharField()
    column = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField()


class VerdictSerializer(UploadSerializer):
    """While it waits to be accepted, the counts are what accepting it would do; `mark` names just that."""

    mark = serializers.CharField(default="")
    faults = UploadFaultSerializer(many=True)

    class Meta(UploadSerializer.Meta):
        fields = [*UploadSerializer.Meta.fields, "mark", "faults"]
        read_only_fields = fields


class UploadInput(serializers.Serializer[Any]):
    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    filename = serializers.CharField(max_length=120, default="usage.csv")
    content = Base64Field(help_text="The CSV file, in base64.")
    signature = Base64Field(help_text="The 64 bytes of its Ed25519 signature, in base64.")


class AcceptInput(serializers.Serializer[Any]):
    """`leave_wrong` accepts the good rows without the wrong; `mark` refuses where the verdict changed."""

    leave_wrong = serializers.BooleanField(default=False)
    mark = serializers.CharField(default="", allow_blank=True, max_length=80)
