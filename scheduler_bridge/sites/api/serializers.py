"""Site logins as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from datacenters.models import Site
from scheduler_bridge.models import SiteLogin


class SiteLoginSerializer(serializers.ModelSerializer[SiteLogin]):
    """`linked_by` named the login: the person, or one of the site's managers; null where the portal itself
    made it, on a sandbox. Only a `confirmed` login is used for jobs."""

    site = serializers.CharField(source="site.code")
    user = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    linked_by = serializers.CharField(source="linked_by.name", default=None)

    class Meta:
        model = SiteLogin
        fields = [
            "code",
            "site",
            "user",
            "name",
            "email",
            "login",
            "state",
            "linked_by",
            "created_at",
            "decided_at",
            "ended_at",
        ]
        read_only_fields = fields


class SiteLoginInput(serializers.Serializer[Any]):
    """Without `email`, or with one's own, one asks for one's own login; else one proposes, for the site."""

    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    email = serializers.EmailField(required=False)
    login = serializers.CharField(max_length=32)


class ImportInput(serializers.Serializer[Any]):
    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    table = serializers.CharField(max_length=256 * 1024, help_text="CSV text, its first row email,login.")


class FaultSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    column = serializers.CharField()
    message = serializers.CharField()


class ImportSerializer(serializers.Serializer[Any]):
    proposed = serializers.IntegerField()
    known = serializers.IntegerField()
    faults = FaultSerializer(many=True)
