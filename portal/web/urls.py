"""The roof: home, health, and what joins several rooms."""

from django.urls import path

from portal.web import health, home

urlpatterns = [
    path("", home.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("status/", health.status, name="status"),
]
