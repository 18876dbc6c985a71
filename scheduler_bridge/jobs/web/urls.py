"""Addresses of jobs, and of what the bridge shows about sites."""

from django.urls import include, path

from scheduler_bridge.jobs.web import submit, views
from scheduler_bridge.sites.web.logins import LoginAsk, MyLogins

urlpatterns = [
    path("jobs/", views.JobList.as_view(), name="jobs"),
    path("jobs/new/", submit.JobNew.as_view(), name="job_new"),
    path("jobs/cost/", submit.JobCost.as_view(), name="job_cost"),
    path("jobs/logins/", MyLogins.as_view(), name="my_logins"),
    path("jobs/logins/ask/", LoginAsk.as_view(), name="login_ask"),
    path("jobs/<slug:code>/", views.JobPage.as_view(), name="job"),
    path("jobs/<slug:code>/cancel/", submit.JobCancel.as_view(), name="job_cancel"),
    path("", include("scheduler_bridge.sites.web.urls")),
]
