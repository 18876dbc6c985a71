"""Addresses of projects."""

from django.urls import path

from allocations.projects.web import classrooms, members, views

PROJECT = "projects/<slug:code>/"
INVITATION = "project-invitations/<slug:code>/"

urlpatterns = [
    path("projects/", views.ProjectList.as_view(), name="projects"),
    path("projects/new/", views.ProjectNew.as_view(), name="project_new"),
    path(PROJECT, views.ProjectPage.as_view(), name="project"),
    path(PROJECT + "edit/", views.ProjectEdit.as_view(), name="project_edit"),
    path(PROJECT + "archive/", views.ProjectArchive.as_view(), name="project_archive"),
    path(PROJECT + "unarchive/", views.ProjectUnarchive.as_view(), name="project_unarchive"),
    path(PROJECT + "leave/", views.ProjectLeave.as_view(), name="project_leave"),
    path(PROJECT + "invite/", members.Invite.as_view(), name="project_invite"),
    path(PROJECT + "members/<slug:user>/role/", members.MemberRole.as_view(), name="project_member_role"),
    path(PROJECT + "members/<slug:user>/cap/", members.MemberCap.as_view(), name="project_member_cap"),
    path(
        PROJECT + "members/<slug:user>/remove/", members.MemberRemove.as_view(), name="project_member_remove"
    ),
    path(PROJECT + "links/new/", members.LinkNew.as_view(), name="project_link_new"),
    path(PROJECT + "hand-over/", members.HandOverNew.as_view(), name="hand_over_new"),
    path(PROJECT + "hand-over/accept/", members.HandOverAccept.as_view(), name="hand_over_accept"),
    path(PROJECT + "hand-over/decline/", members.HandOverDecline.as_view(), name="hand_over_decline"),
    path(PROJECT + "hand-over/withdraw/", members.HandOverWithdraw.as_view(), name="hand_over_withdraw"),
    path(PROJECT + "course/", classrooms.ClassroomPage.as_view(), name="classroom"),
    path(PROJECT + "course/open/", classrooms.ClassroomOpen.as_view(), name="classroom_open"),
    path(PROJECT + "course/edit/", classrooms.ClassroomEdit.as_view(), name="classroom_edit"),
    path(PROJECT + "course/close/", classrooms.ClassroomClose.as_view(), name="classroom_close"),
    path(PROJECT + "course/code/new/", classrooms.CodeRenew.as_view(), name="classroom_code_new"),
    path(PROJECT + "course/code/revoke/", classrooms.CodeRevoke.as_view(), name="classroom_code_revoke"),
    path(PROJECT + "course/students.csv", classrooms.StudentsTable.as_view(), name="classroom_students"),
    path(INVITATION, members.InvitationPage.as_view(), name="project_invitation"),
    path(INVITATION + "accept/", members.InvitationAccept.as_view(), name="project_invitation_accept"),
    path(INVITATION + "decline/", members.InvitationDecline.as_view(), name="project_invitation_decline"),
    path(INVITATION + "withdraw/", members.InvitationWithdraw.as_view(), name="project_invitation_withdraw"),
    path(INVITATION + "resend/", members.InvitationResend.as_view(), name="project_invitation_resend"),
    path("project-links/<slug:code>/revoke/", members.LinkRevoke.as_view(), name="project_link_revoke"),
    path("join/", members.JoinPage.as_view(), name="project_join"),
    path("join/<str:secret>/", members.JoinOpen.as_view(), name="project_join_open"),
    path("courses/join/", classrooms.JoinCourse.as_view(), name="classroom_join"),
]
