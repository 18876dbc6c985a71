"""Addresses of changes, reports, appeals and reclamation."""

from django.urls import path

from allocations.lifecycle.web import appeals, changes, reclaim_urls, reports

urlpatterns = [
    *reclaim_urls.urlpatterns,
    path("allocations/<slug:code>/changes/", changes.AllocationChanges.as_view(), name="allocation_changes"),
    path("allocations/<slug:code>/more/", changes.AskMore.as_view(), name="change_more"),
    path("allocations/<slug:code>/longer/", changes.AskLonger.as_view(), name="change_longer"),
    path("allocations/<slug:code>/move/", changes.AskMove.as_view(), name="change_move"),
    path("allocations/<slug:code>/give-back/", changes.GiveBack.as_view(), name="change_give_back"),
    path("changes/", changes.ChangeList.as_view(), name="changes"),
    path("changes/pending/", changes.Pending.as_view(), name="changes_pending"),
    path("changes/<slug:code>/", changes.ChangePage.as_view(), name="change"),
    path("changes/<slug:code>/decide/", changes.ChangeDecide.as_view(), name="change_decide"),
    path("changes/<slug:code>/withdraw/", changes.ChangeWithdraw.as_view(), name="change_withdraw"),
    path("changes/<slug:code>/appeal/", appeals.ChangeAppealFile.as_view(), name="change_appeal"),
    path("requests/<slug:code>/appeals/", appeals.RequestAppeals.as_view(), name="request_appeals"),
    path("requests/<slug:code>/appeal/", appeals.AppealFile.as_view(), name="request_appeal"),
    path("appeals/", appeals.AppealList.as_view(), name="appeals"),
    path("appeals/<slug:code>/", appeals.AppealPage.as_view(), name="appeal"),
    path("appeals/<slug:code>/decide/", appeals.AppealDecide.as_view(), name="appeal_decide"),
    path("appeals/<slug:code>/withdraw/", appeals.AppealWithdraw.as_view(), name="appeal_withdraw"),
    path("allocation-reports/", reports.ReportList.as_view(), name="allocation_reports"),
    path("allocation-reports/<slug:code>/", reports.ReportPage.as_view(), name="allocation_report"),
    path(
        "allocation-reports/<slug:code>/write/", reports.ReportWrite.as_view(), name="allocation_report_write"
    ),
    path(
        "allocation-reports/<slug:code>/answer/",
        reports.ReportAnswerPage.as_view(),
        name="allocation_report_answer",
    ),
]
