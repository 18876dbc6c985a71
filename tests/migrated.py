"""The tests' database, copied from one that is migrated already when there is one.

Migrating takes most of the time of a short test session. A slot keeps its cluster (pytest_services), so the
migrated database stays there as a template, by the name of what it was made from.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

PREFIX = "migrated_"
HOUSE = Path(settings.BASE_DIR)
# Of our own apps what no migration runs.
NOT_RUN = {"web", "api", "management"}


@cache
def template_name() -> str:
    """Named after all that migrating runs: the migrations, what those seed with, and Django's version."""
    made_of = hashlib.sha256(version("django").encode())
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for name, source in sources(Path(app.path)).items():
            made_of.update(f"{app.label}/{name}\n".encode() + source.read_bytes())
    return PREFIX + made_of.hexdigest()[:16]


def sources(app: Path) -> dict[str, Path]:
    """A library's migrations; of an app of the house every module but its pages, API and commands."""
    if not app.is_relative_to(HOUSE) or "site-packages" in app.parts:
        return {file.name: file for file in sorted(app.glob("migrations/*.py"))}
    files = (file for file in sorted(app.rglob("*.py")) if not NOT_RUN & set(file.relative_to(HOUSE).parts))
    return {str(file.relative_to(app)): file for file in files}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_blocker) -> None:
    """Django makes the test database from the template, if it is there."""
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template_name()])
        if cursor.fetchone():
            connection.settings_dict["TEST"]["TEMPLATE"] = template_name()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """Keep what was migrated anew, in the place of what older migrations made."""
    if not connection.settings_dict["TEST"].get("TEMPLATE"):
        with django_db_blocker.unblock():
            keep_as(template_name())


def keep_as(name: str) -> None:
    source = connection.settings_dict["NAME"]
    connection.close()  # a template may have no connections
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{PREFIX}%"])
        for (old,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(old)}")
        quoted = (connection.ops.quote_name(each) for each in (name, source))
        cursor.execute("CREATE DATABASE {} TEMPLATE {}".format(*quoted))
