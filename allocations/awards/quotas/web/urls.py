"""Addresses of quotas and programmes."""

from django.urls import path

from allocations.awards.quotas.web import programmes, views

urlpatterns = [
    path("quotas/", views.QuotaList.as_view(), name="quotas"),
    path("quotas/new/", views.QuotaNew.as_view(), name="quota_new"),
    path("quotas/<slug:code>/", views.QuotaPage.as_view(), name="quota"),
    path("quotas/<slug:code>/change/", views.QuotaChange.as_view(), name="quota_change"),
    path("quotas/<slug:code>/end/", views.QuotaEnd.as_view(), name="quota_end"),
    path("resources/<slug:code>/shares/", views.ResourceShares.as_view(), name="resource_shares"),
    path("programmes/", programmes.ProgrammeList.as_view(), name="programmes"),
    path("programmes/new/", programmes.ProgrammeNew.as_view(), name="programme_new"),
    path("programmes/<slug:code>/", programmes.ProgrammePage.as_view(), name="programme"),
    path("programmes/<slug:code>/edit/", programmes.ProgrammeEdit.as_view(), name="programme_edit"),
    path("programmes/<slug:code>/close/", programmes.ProgrammeClose.as_view(), name="programme_close"),
    path(
        "programmes/<slug:code>/organisations/endorse/",
        programmes.EndorseOrganisation.as_view(),
        name="programme_endorse_organisation",
    ),
    path(
        "programmes/<slug:code>/projects/endorse/",
        programmes.EndorseProject.as_view(),
        name="programme_endorse_project",
    ),
    path(
        "programmes/<slug:code>/endorsements/<slug:endorsement>/withdraw/",
        programmes.EndorsementWithdraw.as_view(),
        name="endorsement_withdraw",
    ),
]
