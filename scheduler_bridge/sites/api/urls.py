"""Addresses of site logins in the API."""

from django.urls import path

from scheduler_bridge.sites.api.views import SiteLoginViewSet

urlpatterns = [
    path(
        "site-logins/",
        SiteLoginViewSet.as_view({"get": "list", "post": "create"}),
        name="api_site_login-list",
    ),
    path(
        "site-logins/<slug:site>/<slug:user>/",
        SiteLoginViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api_site_login-detail",
    ),
]
