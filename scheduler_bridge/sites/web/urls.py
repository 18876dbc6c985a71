"""Addresses of sites as the bridge knows them."""

from django.urls import path

from scheduler_bridge.sites.web import views

urlpatterns = [
    path("sites/<slug:code>/logins/", views.SiteLogins.as_view(), name="site_logins"),
    path(
        "sites/<slug:code>/logins/<slug:user>/unlink/",
        views.SiteLoginUnlink.as_view(),
        name="site_login_unlink",
    ),
    path("sites/<slug:code>/bridge/", views.SiteBridge.as_view(), name="site_bridge"),
    path("sites/<slug:code>/bridge/reconcile/", views.SiteReconcile.as_view(), name="site_reconcile"),
]
