"""Sites and resources as the API shows them."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from datacenters.models import Accreditation, Capacity, Cluster, DataClass, Outage, Resource, Site
from datacenters.services.clusters import CLUSTER_FIELDS
from datacenters.services.resources import RESOURCE_FIELDS
from datacenters.services.sites import SITE_FIELDS
from portal.foundation.clock import Quarter
from portal.foundation.units import seconds_to_hours


class AccreditationSerializer(serializers.ModelSerializer[Accreditation]):
    in_force = serializers.BooleanField(source="is_in_force")

    class Meta:
        model = Accreditation
        fields = ["data_class", "expires_on", "reference", "in_force"]
        read_only_fields = fields


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """How the site's cluster is. How it is reached is for the site's managers and admins: else left out.

    `signer` is the key's file name.
    """

    site = serializers.CharField(source="site.code")
    health = serializers.CharField()
    signer = serializers.CharField(source="key_name")

    class Meta:
        model = Cluster
        public = [
            "code",
            "site",
            "health",
            "is_enabled",
            "is_sandbox",
            "seen_at",
            "slurm_release",
            "lent_percent",
        ]
        fields = [*public, "slurm_name", "url", "api_version", "signer", "operator_login", "problem"]
        read_only_fields = fields

    def to_representation(self, instance: Cluster) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if instance.site_id in self.context["managed_sites"]:
            return shown
        return {name: shown[name] for name in self.Meta.public}


class CapacitySerializer(serializers.ModelSerializer[Capacity]):
    """`gpu_seconds` are planned; outages and the reserve are still in them."""

    gpu_hours = serializers.SerializerMethodField()

    class Meta:
        model = Capacity
        fields = ["quarter", "gpu_seconds", "gpu_hours", "reserve_percent", "note"]
        read_only_fields = fields

    def get_gpu_hours(self, capacity: Capacity) -> float:
        return float(seconds_to_hours(capacity.gpu_seconds))


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    """`capacities` are those of this quarter and later ones."""

    site = serializers.CharField(source="site.code")
    capacities = CapacitySerializer(many=True)

    class Meta:
        model = Resource
        fields = [
            "code",
            "site",
            "name",
            "gpu_model",
            "gres_type",
            "partition",
            "gpu_count",
            "gpus_per_node",
            "max_gpus_per_job",
            "max_cpus_per_gpu",
            "max_memory_mb_per_gpu",
            "max_wall_minutes",
            "charge_factor",
            "rate_pkr",
            "is_open",
            "illustrative",
            "capacities",
        ]
        read_only_fields = fields


class SiteSerializer(serializers.ModelSerializer[Site]):
    data_classes = serializers.SerializerMethodField()
    accreditations = AccreditationSerializer(many=True)
    cluster = serializers.SerializerMethodField()
    resources = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="code", many=True, read_only=True
    )

    class Meta:
        model = Site
        fields = [
            "code",
            "name",
            "kind",
            "city",
            "province",
            "description",
            "source",
            "is_open",
            "illustrative",
            "data_classes",
            "accreditations",
            "cluster",
            "resources",
        ]
        read_only_fields = fields

    def get_data_classes(self, site: Site) -> list[str]:
        """What the site may hold today."""
        return [name for name in DataClass.values if site.holds(name)]

    @extend_schema_field(ClusterSerializer(allow_null=True))
    def get_cluster(self, site: Site) -> dict[str, Any] | None:
        cluster = getattr(site, "cluster", None)
        return ClusterSerializer(cluster, context=self.context).data if cluster else None


class ServiceChecked:
    """The services and the model's own checks say what is wrong; this only says what there is to send."""

    def get_validators(self) -> list[Any]:
        return []


class SiteInput(ServiceChecked, serializers.ModelSerializer[Site]):
    class Meta:
        model = Site
        fields: tuple[str, ...] = SITE_FIELDS


class SiteChange(SiteInput):
    class Meta(SiteInput.Meta):
        fields = SITE_FIELDS[1:]


class ClusterInput(ServiceChecked, serializers.ModelSerializer[Cluster]):
    """`signer` is the file name of the key in the portal's key folder, or its absolute path."""

    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all(), validators=[])

    class Meta:
        model = Cluster
        fields = ("site", *CLUSTER_FIELDS)


class ClusterChange(ServiceChecked, serializers.ModelSerializer[Cluster]):
    """`is_enabled` false switches the cluster off; so does another address, name, key, login or kind, if it
    is a real one. It is switched on at its site's `switch-on`, after a preflight."""

    class Meta:
        model = Cluster
        fields = (*CLUSTER_FIELDS[1:], "is_enabled")

    def validate_is_enabled(self, value: bool) -> bool:
        if value:
            raise serializers.ValidationError(
                _("A cluster isn't switched on here. Run its preflight, then use its site's “switch-on”.")
            )
        return value


class ResourceInput(ServiceChecked, serializers.ModelSerializer[Resource]):
    """`partition` and `gres_type` are needed at a site with Slurm."""

    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())

    class Meta:
        model = Resource
        fields = ("site", *RESOURCE_FIELDS)


class ResourceChange(ServiceChecked, serializers.ModelSerializer[Resource]):
    class Meta:
        model = Resource
        fields = RESOURCE_FIELDS[1:]


class CapacityInput(serializers.Serializer[Any]):
    quarter = serializers.CharField(max_length=6, help_text="Such as 2026Q4.")
    gpu_hours = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0)
    reserve_percent = serializers.IntegerField(
        min_value=0, max_value=90, required=False, help_text="Left out: as it is."
    )
    reason = serializers.CharField(max_length=2000)

    def validate_quarter(self, value: str) -> Quarter:
        try:
            return Quarter.parse(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class OutageSerializer(serializers.ModelSerializer[Outage]):
    """Of the whole site where neither `cluster` nor `resource` is named; `ends_at` null: it goes on."""

    site = serializers.CharField(source="site.code")
    cluster = serializers.CharField(source="cluster.code", allow_null=True, default=None)
    resource = serializers.CharField(source="resource.code", allow_null=True, default=None)
    state = serializers.ChoiceField(choices=Outage.State.choices)

    class Meta:
        model = Outage
        fields = [
            "code",
            "site",
            "cluster",
            "resource",
            "kind",
            "cause",
            "state",
            "starts_at",
            "ends_at",
            "note",
            "announced_at",
            "withdrawn_at",
        ]
        read_only_fields = fields


class OutageInput(ServiceChecked, serializers.ModelSerializer[Outage]):
    """`cluster` and `resource`: one of them at most, and of this site."""

    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.all())
    cluster = serializers.SlugRelatedField(
        slug_field="code", queryset=Cluster.objects.all(), required=False, allow_null=True
    )
    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = Outage
        fields = ("site", "cluster", "resource", "kind", "cause", "starts_at", "ends_at", "note")


class OutageCorrection(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(max_length=2000, allow_blank=True, default="")
    reason = serializers.CharField(max_length=2000)


class OutageEnd(serializers.Serializer[Any]):
    ends_at = serializers.DateTimeField(required=False, help_text="Left out: now.")


class OutageWithdrawal(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)
