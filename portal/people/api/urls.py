"""People and organisations over REST."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from portal.people.api.organisations import InvitationViewSet, OrganisationViewSet, VerificationViewSet
from portal.people.api.own import Me, TokenViewSet
from portal.people.api.ownership import OwnershipViewSet
from portal.people.api.people import PersonViewSet
from portal.people.api.programme import DeputyViewSet, InstitutionViewSet, TermsViewSet

router = SimpleRouter()
router.register("tokens", TokenViewSet, basename="api_token")
router.register("organisations", OrganisationViewSet, basename="api_organisation")
router.register("invitations", InvitationViewSet, basename="api_invitation")
router.register("verifications", VerificationViewSet, basename="api_verification")
router.register("ownership", OwnershipViewSet, basename="api_ownership")
router.register("people", PersonViewSet, basename="api_person")
router.register("deputies", DeputyViewSet, basename="api_deputy")
router.register("institutions", InstitutionViewSet, basename="api_institution")
router.register("terms", TermsViewSet, basename="api_terms")

urlpatterns = [path("me/", Me.as_view(), name="api_me"), *router.urls]
