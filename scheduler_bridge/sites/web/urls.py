"""Addresses of sites as the bridge knows them, and of the logins there."""

from django.urls import include, path

from scheduler_bridge.sites.web import logins, views

urlpatterns = [
    path("sites/<slug:code>/logins/", logins.SiteLogins.as_view(), name="site_logins"),
    path("sites/<slug:code>/logins/import/", logins.LoginsImport.as_view(), name="logins_import"),
    path("site-logins/<slug:code>/confirm/", logins.LoginConfirm.as_view(), name="login_confirm"),
    path("site-logins/<slug:code>/decline/", logins.LoginDecline.as_view(), name="login_decline"),
    path("site-logins/<slug:code>/end/", logins.LoginEnd.as_view(), name="login_end"),
    path("", include("scheduler_bridge.uploads.web.urls")),
    path("sites/<slug:code>/bridge/", views.SiteBridge.as_view(), name="site_bridge"),
    path("sites/<slug:code>/bridge/reconcile/", views.SiteReconcile.as_view(), name="site_reconcile"),
]
