"""Addresses of sites and resources."""

from django.urls import path

from datacenters.web import manage, outages, views

urlpatterns = [
    path("sites/", views.SiteList.as_view(), name="sites"),
    path("sites/new/", manage.SiteNew.as_view(), name="site_new"),
    path("sites/<slug:code>/", views.SitePage.as_view(), name="site"),
    path("sites/<slug:code>/edit/", manage.SiteEdit.as_view(), name="site_edit"),
    path("sites/<slug:code>/cluster/", manage.ClusterEdit.as_view(), name="site_cluster"),
    path("sites/<slug:code>/cluster/off/", manage.ClusterOff.as_view(), name="site_cluster_off"),
    path("sites/<slug:code>/accreditation/", manage.AccreditationEdit.as_view(), name="site_accreditation"),
    path(
        "sites/<slug:code>/accreditation/<slug:data_class>/withdraw/",
        manage.AccreditationWithdraw.as_view(),
        name="site_accreditation_withdraw",
    ),
    path("sites/<slug:code>/roles/new/", manage.SiteRoleNew.as_view(), name="site_role_new"),
    path(
        "sites/<slug:code>/roles/<slug:user>/<slug:role>/revoke/",
        manage.SiteRoleRevoke.as_view(),
        name="site_role_revoke",
    ),
    path("sites/<slug:code>/outages/", outages.OutageList.as_view(), name="site_outages"),
    path("sites/<slug:code>/outages/new/", outages.OutageNew.as_view(), name="outage_new"),
    path("sites/<slug:code>/outages/<slug:outage>/", outages.OutagePage.as_view(), name="outage"),
    path("sites/<slug:code>/outages/<slug:outage>/end/", outages.OutageEnd.as_view(), name="outage_end"),
    path(
        "sites/<slug:code>/outages/<slug:outage>/correct/",
        outages.OutageCorrect.as_view(),
        name="outage_correct",
    ),
    path(
        "sites/<slug:code>/outages/<slug:outage>/withdraw/",
        outages.OutageWithdraw.as_view(),
        name="outage_withdraw",
    ),
    path("sites/<slug:code>/resources/new/", manage.ResourceNew.as_view(), name="resource_new"),
    path("resources/<slug:code>/", views.ResourcePage.as_view(), name="resource"),
    path("resources/<slug:code>/edit/", manage.ResourceEdit.as_view(), name="resource_edit"),
    path("resources/<slug:code>/capacity/", manage.CapacitySet.as_view(), name="resource_capacity"),
]
