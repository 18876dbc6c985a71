"""Addresses of reclamation."""

from django.urls import path

from allocations.lifecycle.web import reclaim

urlpatterns = [
    path("reclaim/", reclaim.CaseList.as_view(), name="reclaim_cases"),
    path("reclaim/<slug:code>/", reclaim.CasePage.as_view(), name="reclaim_case"),
    path("reclaim/<slug:code>/exemption/", reclaim.ExemptionAsk.as_view(), name="exemption_ask"),
    path("reclaim/<slug:code>/grant/", reclaim.ExemptionGrant.as_view(), name="exemption_grant"),
    path("reclaim/<slug:code>/refuse/", reclaim.ExemptionRefuse.as_view(), name="exemption_refuse"),
    path("reclaim-rules/", reclaim.RuleList.as_view(), name="reclaim_rules"),
    path("reclaim-rules/dry-run/", reclaim.DryRun.as_view(), name="reclaim_dry_run"),
    path("reclaim-rules/new/", reclaim.RuleNew.as_view(), name="reclaim_rule_new"),
    path("reclaim-rules/<slug:code>/", reclaim.RulePage.as_view(), name="reclaim_rule"),
    path("reclaim-rules/<slug:code>/revise/", reclaim.RuleRevise.as_view(), name="reclaim_rule_revise"),
]
