"""Addresses of preflights."""

from django.urls import path

from scheduler_bridge.sites.preflight.web import views

urlpatterns = [
    path("sites/<slug:code>/preflight/", views.Preflight.as_view(), name="site_preflight"),
    path("sites/<slug:code>/preflight/run/", views.Run.as_view(), name="site_preflight_start"),
    path("sites/<slug:code>/preflight/panel/", views.Panel.as_view(), name="site_preflight_panel"),
    path("sites/<slug:code>/preflight/config/", views.Config.as_view(), name="site_slurm_config"),
    path("sites/<slug:code>/preflight/switch-on/", views.SwitchOn.as_view(), name="site_switch_on"),
    path(
        "sites/<slug:code>/preflight/runs/<slug:preflight>/",
        views.OneRun.as_view(),
        name="site_preflight_run",
    ),
]
