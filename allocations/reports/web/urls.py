"""Addresses of reports."""

from django.urls import path

from allocations.reports.web.register import RegisterPage, StatisticsPage
from allocations.reports.web.views import UsageReportPage

urlpatterns = [
    path("reports/", UsageReportPage.as_view(), name="reports"),
    path("register/", RegisterPage.as_view(), name="register"),
    path("register/statistics/", StatisticsPage.as_view(), name="statistics"),
]
