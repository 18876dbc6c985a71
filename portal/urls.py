"""Every address of the portal: one line a room."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from portal.foundation.gallery import gallery
from portal.foundation.theme import set_theme

urlpatterns = [
    path("", include("portal.web.urls")),
    path("", include("portal.people.web.urls")),
    path("", include("portal.notices.web.urls")),
    path("", include("datacenters.web.urls")),
    path("", include("allocations.projects.web.urls")),
    path("", include("allocations.programme.web.urls")),
    path("", include("allocations.reviews.web.urls")),
    path("", include("allocations.awards.web.urls")),
    path("", include("allocations.awards.quotas.web.urls")),
    path("", include("allocations.lifecycle.web.urls")),
    path("", include("allocations.ledger.web.urls")),
    path("", include("allocations.reports.web.urls")),
    path("", include("scheduler_bridge.jobs.web.urls")),
    path("", include("scheduler_bridge.installation.web.urls")),
    path("", include("scheduler_bridge.provisioning.web.urls")),
    path("", include("scheduler_bridge.sites.preflight.web.urls")),
    path("api/v1/", include("portal.api.urls")),
    path("sign-in/", include("allauth.urls")),
    path("language/", set_language, name="set_language"),
    path("theme/", set_theme, name="set_theme"),
    path("admin/", admin.site.urls),
]

if settings.DEMO_MODE:
    urlpatterns.append(path("design/", gallery, name="design"))
