"""Addresses of requests."""

from django.urls import path

from allocations.programme.web import calls, request_new, request_steps, tracks, views
from allocations.programme.web.calls_decide import CallDecide
from allocations.programme.web.deciding.urls import urlpatterns as deciding
from allocations.programme.web.estimate import EstimatePage

urlpatterns = [
    path("estimate/", EstimatePage.as_view(), name="estimate"),
    path("requests/", views.RequestList.as_view(), name="requests"),
    path("requests/pending/", views.PendingRequests.as_view(), name="requests_pending"),
    path("requests/new/", request_new.RequestNew.as_view(), name="request_new"),
    path("requests/new/full/", request_new.RequestNewFull.as_view(), name="request_new_full"),
    path("requests/<slug:code>/", views.RequestPage.as_view(), name="request"),
    path("requests/<slug:code>/history/", views.RequestHistory.as_view(), name="request_history"),
    path("requests/<slug:code>/edit/", request_steps.PurposeStep.as_view(), name="request_edit"),
    path("requests/<slug:code>/edit/amounts/", request_steps.AmountsStep.as_view(), name="request_amounts"),
    path("requests/<slug:code>/edit/running/", request_steps.RunningStep.as_view(), name="request_running"),
    path("requests/<slug:code>/edit/papers/", request_steps.PapersStep.as_view(), name="request_papers"),
    path("requests/<slug:code>/submit/", request_new.RequestSubmit.as_view(), name="request_submit"),
    path(
        "requests/<slug:code>/attachments/<slug:attachment>/",
        request_new.AttachmentFile.as_view(),
        name="request_attachment",
    ),
    path("requests/<slug:code>/withdraw/", views.RequestWithdraw.as_view(), name="request_withdraw"),
    *deciding,
    path("tracks/", tracks.TrackList.as_view(), name="tracks"),
    path("tracks/<slug:code>/", tracks.TrackPage.as_view(), name="track"),
    path("tracks/<slug:code>/edit/", tracks.TrackEdit.as_view(), name="track_edit"),
    path("tracks/<slug:code>/open/", tracks.TrackOpen.as_view(), name="track_open"),
    path("rubrics/new/", tracks.RubricNew.as_view(), name="rubric_new"),
    path("rubrics/<slug:code>/", tracks.RubricPage.as_view(), name="rubric"),
    path("calls/", calls.CallList.as_view(), name="calls"),
    path("calls/new/", calls.CallNew.as_view(), name="call_new"),
    path("calls/<slug:code>/", calls.CallPage.as_view(), name="call"),
    path("calls/<slug:code>/edit/", calls.CallEdit.as_view(), name="call_edit"),
    path("calls/<slug:code>/publish/", calls.CallPublish.as_view(), name="call_publish"),
    path("calls/<slug:code>/results/", calls.CallPublishResults.as_view(), name="call_publish_results"),
    path("calls/<slug:code>/budget/", calls.CallBudgetSet.as_view(), name="call_budget"),
    path("calls/<slug:code>/decide/", CallDecide.as_view(), name="call_decide"),
    path("calls/<slug:code>/documents/", calls.CallDocumentAdd.as_view(), name="call_document_add"),
    path("calls/<slug:code>/documents/<slug:document>/", calls.CallFile.as_view(), name="call_document"),
    path(
        "calls/<slug:code>/documents/<slug:document>/remove/",
        calls.CallDocumentRemove.as_view(),
        name="call_document_remove",
    ),
]
