"""Production: every secret from a file or the environment, HTTPS only, logs as JSON lines on stdout.

docs/operations.md lists what to set.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from portal.settings import env
from portal.settings.base import *  # noqa: F403
from portal.settings.base import REST_FRAMEWORK, SECRET_KEY, STATIC_ROOT

_SHORTEST_KEY = 50

# Former keys, the last one first, while they are being replaced: sessions, second factors and the marks of
# jobs sent under them stay good.
SECRET_KEY_FALLBACKS = env.lines("TAQSEEM_SECRET_KEY_FALLBACKS")
if any(len(key) < _SHORTEST_KEY for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS)):
    raise ImproperlyConfigured(
        f"Set TAQSEEM_SECRET_KEY (or TAQSEEM_SECRET_KEY_FILE) to at least {_SHORTEST_KEY} characters, "
        "and TAQSEEM_SECRET_KEY_FALLBACKS, where it is used, to former keys, one a line."
    )
if env.flag("TAQSEEM_DEMO"):
    raise ImproperlyConfigured("TAQSEEM_DEMO is for `make run` only: production has no demo users.")

# --- Where people reach it --------------------------------------------------------------------------
ALLOWED_HOSTS = env.words("TAQSEEM_HOSTS")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("Set TAQSEEM_HOSTS to the names people reach it by, such as taqseem.gov.pk.")
PUBLIC_URL = env.text("TAQSEEM_PUBLIC_URL").rstrip("/")
if not PUBLIC_URL.startswith("https://"):
    raise ImproperlyConfigured("TAQSEEM_PUBLIC_URL must begin with https://.")
CSRF_TRUSTED_ORIGINS = sorted({PUBLIC_URL, *(f"https://{host}" for host in ALLOWED_HOSTS)})
# How many proxies stand before the web server and note in X-Forwarded-For whom they speak for. Where there
# is none, nobody's word is taken for the address or for HTTPS.
PROXIES = env.number("TAQSEEM_PROXIES", 1)
REST_FRAMEWORK["NUM_PROXIES"] = PROXIES
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None

# --- HTTPS only -------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.number("TAQSEEM_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("TAQSEEM_HSTS_SUBDOMAINS", default=True)
# Browsers' preload lists take months to leave: whoever owns the whole domain decides that.
SECURE_HSTS_PRELOAD = env.flag("TAQSEEM_HSTS_PRELOAD")
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True

# --- Mail -------------------------------------------------------------------------------------------
_smtp_user = env.text("TAQSEEM_SMTP_USER", "")
# STARTTLS; TAQSEEM_SMTP_SSL is for servers that speak TLS from the first byte (port 465).
_smtp_ssl = env.flag("TAQSEEM_SMTP_SSL")
_smtp_tls = env.flag("TAQSEEM_SMTP_TLS", default=not _smtp_ssl)
if _smtp_ssl and _smtp_tls:
    raise ImproperlyConfigured("Set only one of TAQSEEM_SMTP_TLS (STARTTLS) and TAQSEEM_SMTP_SSL.")
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": env.text("TAQSEEM_SMTP_HOST", "localhost"),
            "port": env.number("TAQSEEM_SMTP_PORT", 587),
            "username": _smtp_user,
            # Without a user there is no password either, and its file may be empty.
            "password": env.text("TAQSEEM_SMTP_PASSWORD", "") if _smtp_user else "",
            "use_tls": _smtp_tls,
            "use_ssl": _smtp_ssl,
            "timeout": 10,
        },
    }
}
DEFAULT_FROM_EMAIL = env.text("TAQSEEM_MAIL_FROM")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Files ------------------------------------------------------------------------------------------
# Collected when the image is built, so apart from what changes while it runs.
STATIC_ROOT = Path(env.text("TAQSEEM_STATIC_DIR", str(STATIC_ROOT)))

# --- Logs -------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "portal.settings.json_lines.JsonLines"}},
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}
    },
    "root": {"handlers": ["stdout"], "level": env.text("TAQSEEM_LOG_LEVEL", "INFO")},
    # Django gives its own logger handlers of its own, which would say everything twice.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
