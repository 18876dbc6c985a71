"""The API, `/api/v1/`: each room brings its own part."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from portal.api.docs import docs

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    path("", include("portal.people.api.urls")),
    path("", include("portal.notices.api.urls")),
    path("", include("datacenters.api.urls")),
    path("", include("allocations.projects.api.urls")),
    path("", include("allocations.programme.api.urls")),
    path("", include("allocations.reviews.api.urls")),
    path("", include("allocations.awards.api.urls")),
    path("", include("allocations.awards.quotas.api.urls")),
    path("", include("allocations.lifecycle.api.urls")),
    path("", include("allocations.ledger.api.urls")),
    path("", include("allocations.reports.api.urls")),
    path("", include("scheduler_bridge.jobs.api.urls")),
    path("", include("scheduler_bridge.installation.api.urls")),
    path("", include("scheduler_bridge.provisioning.api.urls")),
    path("", include("scheduler_bridge.sites.preflight.api.urls")),
]
