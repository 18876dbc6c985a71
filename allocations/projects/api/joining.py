"""The ways into a project over the API: invitations, links, the hand-over, courses."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.projects import selectors, services
from allocations.projects.api.serializers import MemberSerializer
from allocations.projects.models import (
    Asked,
    Classroom,
    HandOver,
    Project,
    ProjectInvitation,
    ProjectLink,
    ProjectMember,
)
from portal.foundation.api import ScopedViewSet
from portal.foundation.errors import NotVisible
from portal.foundation.models import IdempotencyKey
from portal.foundation.policies import require
from portal.people.models import User


# --- What is shown ----------------------------------------------------------------------------------
class ProjectInvitationSerializer(serializers.ModelSerializer[ProjectInvitation]):
    project = serializers.CharField(source="project.code")
    project_title = serializers.CharField(source="project.title")
    invited_by = serializers.CharField(source="invited_by.name")
    state = serializers.ChoiceField(choices=Asked.choices)
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices)

    class Meta:
        model = ProjectInvitation
        fields = ["code", "project", "project_title", "email", "role", "state", "invited_by", "expires_at"]
        read_only_fields = fields


class ProjectLinkSerializer(serializers.ModelSerializer[ProjectLink]):
    made_by = serializers.CharField(source="made_by.name")
    role = serializers.ChoiceField(choices=ProjectMember.Role.choices)

    class Meta:
        model = ProjectLink
        fields = ["code", "role", "expires_at", "most_uses", "uses", "made_by", "created_at"]
        read_only_fields = fields


class ProjectLinkMadeSerializer(ProjectLinkSerializer):
    secret = serializers.CharField(help_text="Shown this one time; only a hash of it is kept.")

    class Meta(ProjectLinkSerializer.Meta):
        fields = [*ProjectLinkSerializer.Meta.fields, "secret"]


class HandOverSerializer(serializers.ModelSerializer[HandOver]):
    successor = serializers.CharField(source="successor.code")
    successor_name = serializers.CharField(source="successor.name")
    proposed_by = serializers.CharField(source="proposed_by.name")
    state = serializers.ChoiceField(choices=Asked.choices)

    class Meta:
        model = HandOver
        fields = ["successor", "successor_name", "proposed_by", "afterwards", "state", "expires_at"]
        read_only_fields = fields


class ClassroomSerializer(serializers.ModelSerializer[Classroom]):
    """`join_code` is empty while nobody may join."""

    project = serializers.CharField(source="project.code")
    is_open = serializers.BooleanField()

    class Meta:
        model = Classroom
        fields = [
            "project",
            "course",
            "join_code",
            "cap_gpu_seconds",
            "most_students",
            "ends_on",
            "is_open",
            "closed_at",
        ]
        read_only_fields = fields


class StudentSerializer(serializers.Serializer[Any]):
    user = serializers.CharField()
    name = serializers.CharField()
    joined_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    cap_gpu_seconds = serializers.IntegerField(allow_null=True)
    held_gpu_seconds = serializers.IntegerField()
    charged_gpu_seconds = serializers.IntegerField()
    ran = serializers.BooleanField(help_text="Whether at least one job of theirs has run.")


# --- What is taken ----------------------------------------------------------------------------------
class ProjectInvitationInput(serializers.Serializer[Any]):
    email = serializers.EmailField()
    role = serializers.ChoiceField(
        choices=ProjectMember.Role.choices, default=ProjectMember.Role.MEMBER, help_text="`pi` is refused."
    )


class ProjectLinkInput(serializers.Serializer[Any]):
    role = serializers.ChoiceField(
        choices=ProjectMember.Role.choices, default=ProjectMember.Role.MEMBER, help_text="`pi` is refused."
    )
    expires_at = serializers.DateTimeField(required=False, help_text="In a week unless told otherwise.")
    most_uses = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True)


class LinkJoinInput(serializers.Serializer[Any]):
    secret = serializers.CharField(max_length=100)


class HandOverInput(serializers.Serializer[Any]):
    successor = serializers.CharField(max_length=24, help_text="The code of a member.")
    afterwards = serializers.ChoiceField(
        choices=HandOver.Afterwards.choices, default=HandOver.Afterwards.MANAGER
    )


class ClassroomInput(serializers.Serializer[Any]):
    course = serializers.CharField(max_length=160)
    cap_gpu_seconds = serializers.IntegerField(min_value=1, max_value=2**53)
    most_students = serializers.IntegerField(min_value=1)
    ends_on = serializers.DateField()


class CourseJoinInput(serializers.Serializer[Any]):
    join_code = serializers.CharField(max_length=20)


def sent(serializer: type[serializers.Serializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    """The request's body, checked for shape."""
    given = serializer(data=request.data, **options)
    given.is_valid(raise_exception=True)
    fields: dict[str, Any] = given.validated_data
    return fields


# --- By a project -----------------------------------------------------------------------------------
class JoiningActions:
    """What a project's own address offers beside its details; part of `ProjectViewSet`."""

    @extend_schema(responses=ProjectInvitationSerializer(many=True), methods=["GET"], filters=False)
    @extend_schema(
        request=ProjectInvitationInput, responses={201: ProjectInvitationSerializer}, methods=["POST"]
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def invitations(self, request: Request, code: str) -> Response:
        """Unanswered invitations, and inviting an address. For the PI and managers."""
        project = self._managed(request)
        if request.method == "GET":
            shown = selectors.unanswered_invitations(project)
            return Response(ProjectInvitationSerializer(shown, many=True).data)
        made = services.project_invite(
            actor=request.user, project=project, **sent(ProjectInvitationInput, request)
        )
        return Response(ProjectInvitationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ProjectInvitationSerializer)
    @action(detail=True, methods=["post"], url_path=r"invitations/(?P<invitation>piv-[a-z0-9]+)/withdraw")
    def invitation_withdraw(self, request: Request, code: str, invitation: str) -> Response:
        """Take an invitation back. For the PI and managers."""
        found = self._invitation(request, invitation)
        taken = services.invitation_withdraw(actor=request.user, invitation=found)
        return Response(ProjectInvitationSerializer(taken).data)

    @extend_schema(request=None, responses=ProjectInvitationSerializer)
    @action(detail=True, methods=["post"], url_path=r"invitations/(?P<invitation>piv-[a-z0-9]+)/resend")
    def invitation_resend(self, request: Request, code: str, invitation: str) -> Response:
        """Send it again; it is valid for 14 more days. For the PI and managers."""
        found = self._invitation(request, invitation)
        again = services.invitation_resend(actor=request.user, invitation=found)
        return Response(ProjectInvitationSerializer(again).data)

    @extend_schema(responses=ProjectLinkSerializer(many=True), methods=["GET"], filters=False)
    @extend_schema(request=ProjectLinkInput, responses={201: ProjectLinkMadeSerializer}, methods=["POST"])
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def links(self, request: Request, code: str) -> Response:
        """Open links, and making one. For the PI and managers.

        No reply with a secret is kept: a repeat under the same Idempotency-Key makes another link.
        """
        project = self._managed(request)
        if request.method == "GET":
            return Response(ProjectLinkSerializer(selectors.links_of(project), many=True).data)
        link, secret = services.link_make(
            actor=request.user, project=project, **sent(ProjectLinkInput, request)
        )
        shown = {**ProjectLinkSerializer(link).data, "secret": secret}
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path=r"links/(?P<link>pjl-[a-z0-9]+)/revoke")
    def link_revoke(self, request: Request, code: str, link: str) -> Response:
        """Nobody joins by it any more. For the PI and managers."""
        found = self._managed(request).links.select_related("project").filter(code=link).first()
        if found is None:
            raise NotVisible
        services.link_revoke(actor=request.user, link=found)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=LinkJoinInput, responses=MemberSerializer)
    @action(detail=False, methods=["post"])
    def join(self, request: Request) -> Response:
        """Join by the secret of a link."""
        link = services.link_of(sent(LinkJoinInput, request)["secret"])
        return self._shown(services.link_join(actor=request.user, link=link).project)  # type: ignore[attr-defined, no-any-return]

    @extend_schema(responses=HandOverSerializer, methods=["GET"])
    @extend_schema(request=HandOverInput, responses={201: HandOverSerializer}, methods=["POST"])
    @action(detail=True, methods=["get", "post"], url_path="hand-over")
    def hand_over(self, request: Request, code: str) -> Response:
        """Who is asked to lead the project; and asking a member (for the PI)."""
        project = self.get_object()  # type: ignore[attr-defined]
        if request.method == "GET":
            return Response(HandOverSerializer(self._hand_over(project)).data)
        require(request.user, "projects.hand_over", project)
        given = sent(HandOverInput, request)
        successor = User.objects.filter(project_roles__project=project, code=given["successor"]).first()
        made = services.hand_over_propose(
            actor=request.user,
            project=project,
            successor=successor,
            afterwards=given["afterwards"],
        )
        return Response(HandOverSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="projects_hand_over_answer", request=None, responses=HandOverSerializer)
    @action(detail=True, methods=["post"], url_path=r"hand-over/(?P<answer>accept|decline|withdraw)")
    def hand_over_answer(self, request: Request, code: str, answer: str) -> Response:
        """Accept or decline (the successor), or withdraw (whoever may propose)."""
        asked = self._hand_over(self.get_object())  # type: ignore[attr-defined]
        {
            "accept": services.hand_over_accept,
            "decline": services.hand_over_decline,
            "withdraw": services.hand_over_withdraw,
        }[answer](actor=request.user, hand_over=asked)
        asked.refresh_from_db()
        return Response(HandOverSerializer(asked).data)

    @extend_schema(responses=ClassroomSerializer, methods=["GET"])
    @extend_schema(request=ClassroomInput, responses={201: ClassroomSerializer}, methods=["POST"])
    @extend_schema(request=ClassroomInput(partial=True), responses=ClassroomSerializer, methods=["PATCH"])
    @action(detail=True, methods=["get", "post", "patch"])
    def classroom(self, request: Request, code: str) -> Response:
        """The project's course (for the PI and managers); opening and changing it (for the PI)."""
        project = self._managed(request)
        if request.method == "POST":
            made = services.classroom_open(
                actor=request.user, project=project, **sent(ClassroomInput, request)
            )
            return Response(ClassroomSerializer(made).data, status=status.HTTP_201_CREATED)
        classroom = _classroom(project)
        if request.method == "PATCH":
            changes = sent(ClassroomInput, request, partial=True)
            classroom = services.classroom_update(actor=request.user, classroom=classroom, **changes)
        return Response(ClassroomSerializer(classroom).data)

    @extend_schema(operation_id="projects_classroom_act", request=None, responses=ClassroomSerializer)
    @action(detail=True, methods=["post"], url_path=r"classroom/(?P<verb>close|renew-code|revoke-code)")
    def classroom_act(self, request: Request, code: str, verb: str) -> Response:
        """End the course, give it a new code, or let nobody in any more. For the PI."""
        act = {
            "close": services.classroom_close,
            "renew-code": services.classroom_code_renew,
            "revoke-code": services.classroom_code_revoke,
        }[verb]
        done = act(actor=request.user, classroom=_classroom(self._managed(request)))
        return Response(ClassroomSerializer(done).data)

    @extend_schema(responses=StudentSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], url_path="classroom/students", pagination_class=None)
    def classroom_students(self, request: Request, code: str) -> Response:
        """Everybody who was enrolled, with what they used. For the PI and managers."""
        classroom = _classroom(self._managed(request))
        rows = [
            {
                "user": enrolment.user.code,
                "name": enrolment.user.name,
                "joined_at": enrolment.created_at,
                "ended_at": enrolment.ended_at,
                "cap_gpu_seconds": member.cap_gpu_seconds if member else None,
                "held_gpu_seconds": use.held,
                "charged_gpu_seconds": use.charged,
                "ran": use.ran,
            }
            for enrolment, member, use in selectors.students_of(classroom)
        ]
        return Response(StudentSerializer(rows, many=True).data)

    @extend_schema(request=CourseJoinInput, responses=MemberSerializer)
    @action(detail=False, methods=["post"], url_path="join-course")
    def join_course(self, request: Request) -> Response:
        """Become a student by the code of a course. Ten wrong codes within an hour are the most."""
        classroom = services.classroom_join(actor=request.user, **sent(CourseJoinInput, request))
        return self._shown(classroom.project)  # type: ignore[attr-defined, no-any-return]

    @staticmethod
    def _keep(entry: IdempotencyKey, response: Response) -> None:
        """A link's secret rests nowhere, in no kept reply either."""
        if isinstance(response.data, dict) and "secret" in response.data:
            entry.delete()
        else:
            ScopedViewSet._keep(entry, response)

    def _managed(self, request: Request) -> Project:
        project: Project = self.get_object()  # type: ignore[attr-defined]
        require(request.user, "projects.manage", project)
        return project

    def _invitation(self, request: Request, code: str) -> ProjectInvitation:
        found = self._managed(request).invitations.filter(code=code).select_related("project").first()
        if found is None:
            raise NotVisible
        return found

    @staticmethod
    def _hand_over(project: Project) -> HandOver:
        found = selectors.hand_over_of(project)
        if found is None:
            raise NotVisible
        return found


def _classroom(project: Project) -> Classroom:
    classroom = selectors.classroom_of(project)
    if classroom is None:
        raise NotVisible
    return classroom


# --- By a person ------------------------------------------------------------------------------------
class ProjectInvitationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Invitations to an address of yours."""

    selector = selectors.invitations_to
    queryset = ProjectInvitation.objects.none()
    serializer_class = ProjectInvitationSerializer

    @extend_schema(request=None, responses=ProjectInvitationSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """Join the project."""
        services.invitation_accept(actor=request.user, invitation=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=ProjectInvitationSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, code: str) -> Response:
        """Say no."""
        services.invitation_decline(actor=request.user, invitation=self.get_object())
        return Response(self.get_serializer(self.get_object()).data)
