"""Addresses of unbridged sites' keys and uploads."""

from django.urls import path

from scheduler_bridge.uploads.web import keys, views

urlpatterns = [
    path("sites/<slug:code>/usage/", views.UploadList.as_view(), name="site_usage"),
    path("sites/<slug:code>/usage/new/", views.UploadNew.as_view(), name="usage_upload_new"),
    path("sites/<slug:code>/usage-keys/", keys.Keys.as_view(), name="usage_keys"),
    path("usage-keys/<slug:code>/revoke/", keys.Revoke.as_view(), name="usage_key_revoke"),
    path("usage-uploads/<slug:code>/", views.UploadPage.as_view(), name="usage_upload"),
    path("usage-uploads/<slug:code>/discard/", views.Discard.as_view(), name="usage_discard"),
    path("usage-uploads/<slug:code>/file/", views.Original.as_view(), name="usage_file"),
    path("usage-uploads/<slug:code>/signature/", views.Signature.as_view(), name="usage_signature"),
    path("usage-uploads/<slug:code>/to-correct/", views.ToCorrect.as_view(), name="usage_to_correct"),
]
