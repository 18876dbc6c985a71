"""Addresses of reports in the API."""

from django.urls import path

from allocations.reports.api.register import ProgrammeStatistics, Register
from allocations.reports.api.views import UsageReport

urlpatterns = [
    path("reports/usage", UsageReport.as_view(), name="api_usage_report"),
    path("register/", Register.as_view(), name="api_register"),
    path("register/statistics/", ProgrammeStatistics.as_view(), name="api_statistics"),
    # With the slash that the rest of the API has, too: the same, documented once.
    path("reports/usage/", UsageReport.as_view(schema=None)),
]
