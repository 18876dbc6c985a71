"""Sending of jobs, as the API tells it."""

from rest_framework import serializers

from datacenters.models import Cluster


class TroubleSerializer(serializers.Serializer[object]):
    """Why no job is sent, to one cluster or (null) to any."""

    text = serializers.CharField()
    remedy = serializers.CharField()
    cluster = serializers.CharField(source="cluster.code", default=None, allow_null=True)


class SwitchInput(serializers.Serializer[object]):
    """`cluster` is a cluster's code; left out: all sites."""

    cluster = serializers.SlugRelatedField(
        slug_field="code", queryset=Cluster.objects.all(), required=False, allow_null=True, default=None
    )
    reason = serializers.CharField(max_length=300)
