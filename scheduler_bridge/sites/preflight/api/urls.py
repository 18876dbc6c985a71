"""Addresses of preflights in the API."""

from django.urls import path

from scheduler_bridge.sites.preflight.api.views import ClusterViewSet, PreflightViewSet

urlpatterns = [
    path(
        "sites/<slug:code>/preflights/",
        PreflightViewSet.as_view({"get": "list", "post": "create"}),
        name="api_preflight-list",
    ),
    path(
        "sites/<slug:code>/preflights/<slug:preflight>/",
        PreflightViewSet.as_view({"get": "retrieve"}),
        name="api_preflight-detail",
    ),
    path(
        "sites/<slug:code>/slurm-config/",
        ClusterViewSet.as_view({"get": "show_config", "put": "report_config"}),
        name="api_slurm_config",
    ),
    path(
        "sites/<slug:code>/switch-on/",
        ClusterViewSet.as_view({"post": "switch_on"}),
        name="api_switch_on",
    ),
]
