"""Production: every secret from the environment or from a file, HTTPS only."""

from django.core.exceptions import ImproperlyConfigured

from portal.settings import env
from portal.settings.base import *  # noqa: F403
from portal.settings.base import SECRET_KEY

if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        "Set TAQSEEM_SECRET_KEY (or TAQSEEM_SECRET_KEY_FILE) to at least 50 characters."
    )
if env.flag("TAQSEEM_DEMO"):
    raise ImproperlyConfigured("TAQSEEM_DEMO is for `make run` only: production has no demo users.")

ALLOWED_HOSTS = env.words("TAQSEEM_HOSTS")
PUBLIC_URL = env.text("TAQSEEM_PUBLIC_URL").rstrip("/")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("TAQSEEM_SMTP_HOST", "localhost")
EMAIL_PORT = env.number("TAQSEEM_SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("TAQSEEM_SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.text("TAQSEEM_SMTP_PASSWORD", "")
EMAIL_USE_TLS = env.flag("TAQSEEM_SMTP_TLS", default=True)
