"""Addresses of allocations."""

from django.urls import path

from allocations.awards.web import letters, views

urlpatterns = [
    path("allocations/", views.AllocationList.as_view(), name="allocations"),
    path("allocations/<slug:code>/", views.AllocationPage.as_view(), name="allocation"),
    path("allocations/<slug:code>/adjust/", views.AllocationAdjust.as_view(), name="allocation_adjust"),
    path("allocations/<slug:code>/suspend/", views.AllocationSuspend.as_view(), name="allocation_suspend"),
    path("allocations/<slug:code>/resume/", views.AllocationResume.as_view(), name="allocation_resume"),
    path("allocations/<slug:code>/revoke/", views.AllocationRevoke.as_view(), name="allocation_revoke"),
    path("awards/<slug:code>/letter.pdf", letters.LetterPdf.as_view(), name="award_letter"),
    path("letters/", letters.LetterCheck.as_view(), name="letters"),
    path("letters/<slug:code>/", letters.LetterCheck.as_view(), name="letter"),
]
