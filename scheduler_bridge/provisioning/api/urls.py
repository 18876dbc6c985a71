"""Addresses of Slurm accounts in the API."""

from django.urls import path

from scheduler_bridge.provisioning.api.views import AllocationSlurmViewSet, SiteSlurmViewSet

urlpatterns = [
    path(
        "allocations/<slug:code>/slurm/",
        AllocationSlurmViewSet.as_view({"get": "look", "post": "apply"}),
        name="api_allocation_slurm",
    ),
    path(
        "allocations/<slug:code>/slurm/adopt/",
        AllocationSlurmViewSet.as_view({"get": "look_at_account", "post": "adopt"}),
        name="api_allocation_adopt",
    ),
    path(
        "sites/<slug:code>/drift/",
        SiteSlurmViewSet.as_view({"get": "drift", "post": "apply"}),
        name="api_site_drift",
    ),
    path("sites/<slug:code>/share/", SiteSlurmViewSet.as_view({"post": "share"}), name="api_site_share"),
]
