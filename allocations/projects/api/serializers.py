"""Projects as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.projects.models import Project, ProjectMember, Sector
from allocations.projects.selectors import (
    MANAGING,
    members_with_use,
    organisations_to_propose_for,
    role_in,
)
from allocations.projects.use import Use
from datacenters.models import DataClass
from portal.people.models import Organisation


class SectorSerializer(serializers.ModelSerializer[Sector]):
    class Meta:
        model = Sector
        fields = ["code", "name_en", "name_ur", "provisional"]
        read_only_fields = fields


class MemberSerializer(serializers.Serializer[Any]):
    """A member with cap and use; these are null for whoever isn't that member and doesn't manage."""

    user = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices)
    since = serializers.DateTimeField()
    cap_gpu_seconds = serializers.IntegerField(
        allow_null=True, help_text="The most that the member may use, held and charged; null: no cap."
    )
    held_gpu_seconds = serializers.IntegerField(allow_null=True)
    charged_gpu_seconds = serializers.IntegerField(allow_null=True)

    def to_representation(self, row: tuple[ProjectMember, Use]) -> dict[str, Any]:
        member, use = row
        viewer = self.context["request"].user
        shown = member.user_id == viewer.pk or self.context.get("manages", False)
        return {
            "user": member.user.code,
            "name": member.user.name,
            "role": member.role,
            "since": self.fields["since"].to_representation(member.created_at),
            "cap_gpu_seconds": member.cap_gpu_seconds if shown else None,
            "held_gpu_seconds": use.held if shown else None,
            "charged_gpu_seconds": use.charged if shown else None,
        }


class ProjectSerializer(serializers.ModelSerializer[Project]):
    organisation = serializers.CharField(source="organisation.code")
    organisation_name = serializers.CharField(source="organisation.name")
    sector = serializers.CharField(source="sector.code")
    illustrative = serializers.BooleanField()

    class Meta:
        model = Project
        fields = [
            "code",
            "organisation",
            "organisation_name",
            "title",
            "abstract",
            "sector",
            "data_class",
            "illustrative",
            "archived_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class ProjectDetailSerializer(ProjectSerializer):
    """One project with its members; `role` is the viewer's own, empty for anyone else."""

    members = serializers.SerializerMethodField()
    role = serializers.SerializerMethodField()

    class Meta(ProjectSerializer.Meta):
        fields = [*ProjectSerializer.Meta.fields, "role", "members"]

    def get_role(self, project: Project) -> str:
        return role_in(self.context["request"].user, project)

    @extend_schema_field(MemberSerializer(many=True))
    def get_members(self, project: Project) -> Any:
        manages = self.get_role(project) in MANAGING
        context = {**self.context, "manages": manages}
        return MemberSerializer(members_with_use(project), many=True, context=context).data


class ProjectChange(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=160)
    abstract = serializers.CharField(max_length=4000)
    sector = serializers.SlugRelatedField(slug_field="code", queryset=Sector.objects.all())
    data_class = serializers.ChoiceField(
        choices=DataClass.choices, required=False, help_text="`secret` is refused."
    )


class ProjectInput(ProjectChange):
    """`organisation` is one of which the caller is a member."""

    organisation = serializers.SlugRelatedField(slug_field="code", queryset=Organisation.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request := self.context.get("request"):
            fields: Any = self.fields
            fields["organisation"].queryset = organisations_to_propose_for(request.user)


class RoleInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices)


class CapInput(serializers.Serializer[Any]):
    gpu_seconds = serializers.IntegerField(
        min_value=0, allow_null=True, max_value=2**53, help_text="null lifts the cap; 0 stops new jobs."
    )
