"""Addresses of what stands in Slurm for allocations and sites."""

from django.urls import path

from scheduler_bridge.provisioning.web import views

urlpatterns = [
    path("allocations/<slug:code>/slurm/", views.AllocationSlurm.as_view(), name="allocation_slurm"),
    path(
        "allocations/<slug:code>/slurm/apply/", views.AllocationApply.as_view(), name="allocation_slurm_apply"
    ),
    path("allocations/<slug:code>/slurm/adopt/", views.Adopt.as_view(), name="allocation_slurm_adopt"),
    path("sites/<slug:code>/bridge/drift/", views.SiteDrift.as_view(), name="site_drift"),
    path("sites/<slug:code>/bridge/drift/apply/", views.SiteApply.as_view(), name="site_drift_apply"),
    path("sites/<slug:code>/bridge/share/", views.SiteShare.as_view(), name="site_share"),
]
