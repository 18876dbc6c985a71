"""Addresses of the ledger: below the allocation that it is of."""

from django.urls import path

from allocations.ledger.web import views

urlpatterns = [
    path("allocations/<slug:code>/ledger/", views.Statement.as_view(), name="ledger"),
    path("allocations/<slug:code>/ledger.csv", views.StatementCsv.as_view(), name="ledger_csv"),
]
