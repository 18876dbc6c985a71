"""The API: REST framework, tokens, and the schema that is made of it."""

from datetime import timedelta

from portal.settings import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.people.backends.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "portal.foundation.paging.Pages",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.AnonRateThrottle",
    ],
    # Pages for everybody have their own: many people may come through one address of a university.
    "DEFAULT_THROTTLE_RATES": {
        "user": env.text("TAQSEEM_API_RATE", "600/min"),
        "anon": "60/min",
        "public": env.text("TAQSEEM_PUBLIC_PAGE_RATE", "120/min"),
    },
    "DEFAULT_VERSIONING_CLASS": None,
    "COERCE_DECIMAL_TO_STRING": False,
    "NUM_PROXIES": env.number("TAQSEEM_PROXIES", 0),
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_FORMATTER_CLASS": "portal.foundation.problems.ProblemFormatter",
    "EXCEPTION_HANDLER_CLASS": "portal.foundation.problems.ProblemHandler",
}
KNOX_TOKEN_MODEL = "people.ApiToken"  # noqa: S105  a model, no secret
REST_KNOX = {"TOKEN_TTL": timedelta(days=90), "AUTO_REFRESH": False, "TOKEN_PREFIX": "tq_"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Taqseem API",
    "VERSION": "1",
    "DESCRIPTION": "National AI compute: sites, projects, requests, allocations, jobs, reports.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.foundation.schema.with_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RequestState": "allocations.programme.transitions.RequestState",
        "AllocationState": "allocations.awards.transitions.AllocationState",
        "JobState": "scheduler_bridge.transitions.JobState",
        "VerificationState": "portal.people.models.Verification.State",
        "ProgrammeRoleName": "portal.people.models.ProgrammeRole.Role",
        "MembershipRole": "portal.people.models.Membership.Role",
        "InvitationState": "allocations.projects.models.Asked",
        "ProjectRole": "allocations.projects.models.ProjectMember.Role",
        "OrganisationClass": "portal.people.models.Organisation.Kind",
        "ScopeKind": "portal.people.models.AuditorScope.Kind",
        "SiteKind": "datacenters.models.Site.Kind",
        "OutageKind": "datacenters.models.Outage.Kind",
        "OutageCause": "datacenters.models.Outage.Cause",
        "OutageState": "datacenters.models.Outage.State",
        "QuotaKind": "allocations.awards.quotas.models.Quota.Kind",
        "QuotaDimension": "allocations.awards.quotas.models.Dimension",
        "EndorsingBodyKind": "portal.people.models.Programme.Kind",
        "LedgerAccountKind": "allocations.ledger.models.account.AccountKind",
        "AttemptOutcome": "scheduler_bridge.transitions.AttemptOutcome",
        "LoginState": "scheduler_bridge.transitions.LoginState",
        "UploadState": "scheduler_bridge.transitions.UploadState",
        "ReclaimCaseState": "allocations.lifecycle.reclaim_transitions.CaseState",
        "ExemptionState": "allocations.lifecycle.reclaim_transitions.ExemptionState",
        "DecisionOutcome": "allocations.programme.models.Decision.Outcome",
        "ChangeState": "allocations.lifecycle.transitions.ChangeState",
        "ChangeKind": "allocations.lifecycle.models.ChangeKind",
        "ChangeOutcome": "allocations.lifecycle.models.ChangeDecision.Outcome",
        "ReportState": "allocations.lifecycle.transitions.ReportState",
        "ReportKind": "allocations.lifecycle.models.AllocationReport.Kind",
        "ReportOutcome": "allocations.lifecycle.models.ReportAnswer.Outcome",
        "AppealState": "allocations.lifecycle.transitions.AppealState",
        "AppealOutcome": "allocations.lifecycle.models.AppealDecision.Outcome",
        "ReviewState": "allocations.reviews.transitions.ReviewState",
        "MailTiming": ["at_once", "daily", "weekly", "never"],
        "CallState": "allocations.programme.models.call.CallState",
        "ConflictSeverity": "allocations.programme.models.Conflict.Severity",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Whoever reads the documentation needs no token; whoever calls does.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}
