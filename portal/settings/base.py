"""What every environment shares. Anything that differs by installation comes from the environment."""

from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor

from portal.settings import env

BASE_DIR = Path(__file__).resolve().parents[2]
RUN_DIR = Path(env.text("TAQSEEM_RUN_DIR", str(BASE_DIR / ".run")))

# --- Taqseem itself ---------------------------------------------------------------------------------
AUTHORITY_NAME = env.text("TAQSEEM_AUTHORITY_NAME", "MoITT / Ignite")
# Demo mode plants the demo users and lets them act without a second factor. Never in production.
DEMO_MODE = False
# The second factor is asked of people who approve or administer.
REQUIRE_SECOND_FACTOR = True
# Where people reach the portal: the beginning of every link in a mail.
PUBLIC_URL = env.text("TAQSEEM_PUBLIC_URL", "http://localhost:8000").rstrip("/")
# Names this installation in Slurm job names (tq-<installation>-<job code>): 1 to 8 of a-z and 0-9.
INSTALLATION = env.text("TAQSEEM_INSTALLATION", "pk")
# Outside the database: the epoch that this environment is in, by which a restored backup is known. On storage
# that all processes share and no backup of the database holds.
EPOCH_FILE: Path | None = Path(env.text("TAQSEEM_EPOCH_FILE", str(RUN_DIR / "epoch.json")))
# Seconds that a token for one submission lives; its expiry fences off late POSTs.
DISPATCH_TOKEN_SECONDS = env.number("TAQSEEM_DISPATCH_TOKEN_SECONDS", 30)
# Where the keys lie that sign tokens for the sites' clusters; rows name files in it.
KEYS_DIR = Path(env.text("TAQSEEM_KEYS_DIR", str(RUN_DIR / "keys")))
# Seconds between two looks that must both miss an uncertain job before it counts as absent.
MISS_INTERVAL_SECONDS = env.number("TAQSEEM_MISS_INTERVAL_SECONDS", 30)
# National kill switch: nothing is sent to any site while this is off.
DISPATCH_ENABLED = env.flag("TAQSEEM_DISPATCH_ENABLED", default=True)

# --- Django -----------------------------------------------------------------------------------------
SECRET_KEY = env.text("TAQSEEM_SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = []
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_ID = 1

INSTALLED_APPS = [
    "portal.foundation",
    "portal.people",
    "portal.notices",
    "datacenters",
    "allocations.ledger",
    "allocations.projects",
    "allocations.awards",
    "allocations.awards.quotas",
    "allocations.programme",
    "allocations.reviews",
    "allocations.lifecycle",
    "allocations.usage",
    "allocations.reports",
    "scheduler_bridge",
    "portal.web",
    "portal.api",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.postgres",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "pgtrigger",
    "rules",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "knox",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.foundation.middleware.RequestContextMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.people.middleware.SessionActivityMiddleware",
    "portal.foundation.middleware.DomainErrorMiddleware",
    "portal.web.middleware.DutiesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.context.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "portal.foundation.templatetags.ui",
            ],
        },
    },
]
FORM_RENDERER = "portal.foundation.form_renderer.TaqseemRenderer"

# --- Database: PostgreSQL only ----------------------------------------------------------------------
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": env.text("TAQSEEM_DB_NAME", "taqseem"),
        "HOST": env.text("TAQSEEM_DB_HOST", ""),
        "PORT": env.text("TAQSEEM_DB_PORT", ""),
        "USER": env.text("TAQSEEM_DB_USER", "taqseem_app"),
        "PASSWORD": env.text("TAQSEEM_DB_PASSWORD", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": "-c timezone=UTC -c lock_timeout=2000"},
    }
}
# The role that serves requests. It owns no table: triggers and grants bind it (see grant_app_role).
APP_DATABASE_ROLE = env.text("TAQSEEM_APP_DB_ROLE", "taqseem_app")

# --- Queue ------------------------------------------------------------------------------------------
REDIS_URL = env.text("TAQSEEM_REDIS_URL", "redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ROUTES = {"scheduler_bridge.*": {"queue": "bridge"}}
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "portal.foundation.tasks.heartbeat", "schedule": 5, "options": {"expires": 10}},
    "outbox": {"task": "portal.foundation.tasks.drain_outbox", "schedule": 2, "options": {"expires": 4}},
    "bridge": {"task": "scheduler_bridge.tasks.tick", "schedule": 3, "options": {"expires": 6}},
    # Consents by silence, overdue steps; and the waiting list, should a wake-up have been lost.
    "steps": {
        "task": "allocations.programme.tasks.sweep_steps",
        "schedule": 60,
        "options": {"expires": 50},
    },
    "waiting": {
        "task": "allocations.programme.tasks.serve_waiting",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
    "provision": {
        "task": "scheduler_bridge.tasks.provision_waiting",
        "schedule": 15,
        "options": {"expires": 30},
    },
    "compare": {
        "task": "scheduler_bridge.tasks.compare_all",
        "schedule": 300,
        "options": {"expires": 240},
    },
    # In the small hours of Pakistan.
    "preflight": {
        "task": "scheduler_bridge.sites.preflight.tasks.preflight_nightly",
        "schedule": crontab(hour=22, minute=10),
        "options": {"expires": 3600},
    },
    "digests": {
        "task": "portal.notices.tasks.make_digests",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 800},
    },
    # In the forenoon of Pakistan; each step is told once, however often this runs.
    "lapses": {
        "task": "portal.people.tasks.remind_of_lapses",
        "schedule": crontab(hour="4-9", minute=15),
        "options": {"expires": 3000},
    },
    # A quarter's rest lapses on the day after it; an outage that goes on takes more each day.
    "capacity": {
        "task": "allocations.awards.tasks.keep_capacity",
        "schedule": crontab(hour=19, minute=20),
        "options": {"expires": 3600},
    },
    "ledger": {
        "task": "allocations.ledger.tasks.verify_ledger",
        "schedule": crontab(hour=22, minute=40),
        "options": {"expires": 3600},
    },
    # Reviews: reminders, what expires, what isn't needed any more.
    "reviews": {
        "task": "allocations.reviews.tasks.sweep_reviews",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
    # Unused GPU-hours: warnings, and what they lead to.
    "reclaim": {
        "task": "allocations.lifecycle.tasks.reclaim_nightly",
        "schedule": crontab(hour=21, minute=30),
        "options": {"expires": 3600},
    },
    # Reports that come due, and changes of allocations that have ended.
    "lifecycle": {
        "task": "allocations.lifecycle.tasks.lifecycle_daily",
        "schedule": crontab(hour="3-15/4", minute=35),
        "options": {"expires": 3000},
    },
    # Allocations end at midnight in Pakistan; hourly, so that a missed hour costs an hour.
    "sweep": {
        "task": "allocations.awards.tasks.sweep_allocations",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "classrooms": {
        "task": "allocations.projects.tasks.end_classrooms",
        "schedule": crontab(minute=7),
        "options": {"expires": 3000},
    },
    "usage_reminders": {
        "task": "allocations.awards.tasks.remind_of_usage",
        "schedule": 300,
        "options": {"expires": 240},
    },
    # From eight in the morning in Pakistan: nobody's telephone rings at midnight.
    "end_reminders": {
        "task": "allocations.awards.tasks.remind_of_ends",
        "schedule": crontab(hour="3-15", minute=10),
        "options": {"expires": 3000},
    },
}

# --- People -----------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "portal.people.backends.SignInBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "portal.people.adapters.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "portal.people.web.forms.SignUpFields"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Taqseem] "
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Taqseem"
MFA_ADAPTER = "portal.people.adapters.SecondFactorAdapter"
USERSESSIONS_TRACK_ACTIVITY = True
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- Mail -------------------------------------------------------------------------------------------
# The hour, in Pakistan, at which those who asked for it get all their notices in one mail.
DIGEST_HOUR = env.number("TAQSEEM_DIGEST_HOUR", 8)
DEFAULT_FROM_EMAIL = env.text("TAQSEEM_MAIL_FROM", "Taqseem <no-reply@taqseem.test>")

# --- Language and time ------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ur", _("Urdu"))]
# The second holds what libraries lack in Urdu.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "libraries"]
USE_I18N = True
FILTERS_EMPTY_CHOICE_LABEL = _("Any")
USE_TZ = True
TIME_ZONE = "Asia/Karachi"  # what people read; the database keeps UTC

# --- Files ------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = RUN_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Pages name hashed files only, and nobody fetches source maps: compressing those took most of the time.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]
MEDIA_ROOT = Path(env.text("TAQSEEM_MEDIA_DIR", str(RUN_DIR / "media")))
MEDIA_URL = "files/"
# Uploaded evidence is never served by path: pages stream it after asking the policy.

# --- API --------------------------------------------------------------------------------------------
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
    "DEFAULT_THROTTLE_RATES": {"user": env.text("TAQSEEM_API_RATE", "600/min"), "anon": "60/min"},
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

# --- Security ---------------------------------------------------------------------------------------
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
# A body that isn't a file: the largest is a site's table of usage, 2 MB, which base64 makes 2.8.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
SILENCED_SYSTEM_CHECKS: list[str] = []

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.text("TAQSEEM_LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}
