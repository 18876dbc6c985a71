"""The test suites: as production as possible, but for speed where nothing is lost by it."""

from pathlib import Path

from portal.settings import env
from portal.settings.base import *  # noqa: F403
from portal.settings.base import DATABASES, REST_FRAMEWORK

SECRET_KEY = "tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
DEMO_MODE = True
REQUIRE_SECOND_FACTOR = False
DATABASES["default"]["USER"] = env.text("TAQSEEM_DB_USER", "taqseem_owner")
DATABASES["default"]["CONN_MAX_AGE"] = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"] = []
ACCOUNT_RATE_LIMITS = False
# Each test's database begins anew: those about restored ones name a file of their own.
EPOCH_FILE = Path(file) if (file := env.text("TAQSEEM_EPOCH_FILE", "")) else None
