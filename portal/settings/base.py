"""What every environment shares. Anything that differs by installation comes from the environment."""

from pathlib import Path

from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor

from portal.settings import env
from portal.settings.api import *  # noqa: F403
from portal.settings.queue import *  # noqa: F403

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
    "portal.foundation.middleware.NulMiddleware",
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
# By a code typed in the browser that asked for it. A link would prove an address for whoever chose the
# password, as soon as the address's owner opened it.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 30 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = 5
ACCOUNT_LOGIN_TIMEOUT = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT
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
