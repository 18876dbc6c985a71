"""Addresses of the switches."""

from django.urls import path

from scheduler_bridge.installation.web import views

urlpatterns = [
    path("sending/", views.Sending.as_view(), name="sending"),
    path("sending/stop/", views.SendingStopPage.as_view(), name="sending_stop"),
    path("sending/resume/", views.SendingResumePage.as_view(), name="sending_resume"),
]
