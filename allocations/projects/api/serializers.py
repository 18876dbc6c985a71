"""Projects as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from allocations.projects.models import Project, ProjectMember, Sector
from allocations.projects.selectors import organisations_to_propose_for, role_in
from datacenters.models import DataClass
from portal.people.models import Organisation


class SectorSerializer(serializers.ModelSerializer[Sector]):
    class Meta:
        model = Sector
        fields = ["code", "name_en", "name_ur", "provisional"]
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[ProjectMember]):
    user = serializers.CharField(source="user.code")
    name = serializers.CharField(source="user.name")
    since = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ProjectMember
        fields = ["user", "name", "role", "since"]
        read_only_fields = fields


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

    members = MemberSerializer(many=True)
    role = serializers.SerializerMethodField()

    class Meta(ProjectSerializer.Meta):
        fields = [*ProjectSerializer.Meta.fields, "role", "members"]

    def get_role(self, project: Project) -> str:
        return role_in(self.context["request"].user, project)


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


class MemberInput(serializers.Serializer[Any]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices, default=ProjectMember.Role.MEMBER)


class RoleInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices)
