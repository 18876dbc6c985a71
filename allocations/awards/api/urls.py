"""Addresses of allocations in the API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from allocations.awards.api.letters import AwardLetter, LetterCheck
from allocations.awards.api.views import AllocationViewSet

router = SimpleRouter()
router.register("allocations", AllocationViewSet, basename="api_allocation")

urlpatterns = [
    path("awards/<slug:code>/letter/", AwardLetter.as_view(), name="api_award_letter"),
    path("letters/<slug:code>/", LetterCheck.as_view(), name="api_letter"),
    *router.urls,
]
