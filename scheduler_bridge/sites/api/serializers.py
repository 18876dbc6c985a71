"""Site logins as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from datacenters.models import Site
from scheduler_bridge.models import SiteLogin


class SiteLoginSerializer(serializers.ModelSerializer[SiteLogin]):
    """`linked_by` is null where the portal made the login itself, on a sandbox."""

    site = serializers.CharField(source="site.code")
    user = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    linked_by = serializers.CharField(source="linked_by.name", default=None)

    class Meta:
        model = SiteLogin
        fields = ["site", "user", "name", "email", "login", "linked_by", "created_at"]
        read_only_fields = fields


class SiteLoginInput(serializers.Serializer[Any]):
    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    email = serializers.EmailField()
    login = serializers.CharField(max_length=32)
