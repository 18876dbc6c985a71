"""`make run`: trying out and developing, with demo users and mail in files."""

from portal.settings import env
from portal.settings.base import *  # noqa: F403
from portal.settings.base import RUN_DIR

SECRET_KEY = env.text("TAQSEEM_SECRET_KEY", "local-only")
DEBUG = env.flag("TAQSEEM_DEBUG")
DEMO_MODE = env.flag("TAQSEEM_DEMO", default=True)
REQUIRE_SECOND_FACTOR = not DEMO_MODE
ALLOWED_HOSTS = ["*"]
# Every mail becomes a file here.
MAIL_FOLDER = RUN_DIR / "mail"
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": MAIL_FOLDER},
    }
}
# Passkeys on http://localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
