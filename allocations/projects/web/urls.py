"""Addresses of projects."""

from django.urls import path

from allocations.projects.web import views

urlpatterns = [
    path("projects/", views.ProjectList.as_view(), name="projects"),
    path("projects/new/", views.ProjectNew.as_view(), name="project_new"),
    path("projects/<slug:code>/", views.ProjectPage.as_view(), name="project"),
    path("projects/<slug:code>/edit/", views.ProjectEdit.as_view(), name="project_edit"),
    path("projects/<slug:code>/archive/", views.ProjectArchive.as_view(), name="project_archive"),
    path("projects/<slug:code>/unarchive/", views.ProjectUnarchive.as_view(), name="project_unarchive"),
    path("projects/<slug:code>/leave/", views.ProjectLeave.as_view(), name="project_leave"),
    path("projects/<slug:code>/members/new/", views.MemberNew.as_view(), name="project_member_new"),
    path(
        "projects/<slug:code>/members/<slug:user>/role/",
        views.MemberRole.as_view(),
        name="project_member_role",
    ),
    path(
        "projects/<slug:code>/members/<slug:user>/remove/",
        views.MemberRemove.as_view(),
        name="project_member_remove",
    ),
]
