"""Fixtures that every suite may use."""

import pytest
from django.core.management import call_command
from django.db.backends.postgresql.operations import DatabaseOperations
from django.utils import translation
from rest_framework.test import APIClient

from portal.people.models import User
from tests.bridge_stage import stage  # noqa: F401  a fixture
from tests.cast import Cast, make_cast
from tests.migrated import django_db_modify_db_settings, django_db_setup  # noqa: F401  fixtures
from tests.uploading import away  # noqa: F401  a fixture


@pytest.fixture(scope="session", autouse=True)
def translations():
    """Pages in Urdu are in Urdu."""
    call_command("compile_translations")


@pytest.fixture(scope="session", autouse=True)
def flush_past_the_guards():
    """Tests that commit end with TRUNCATE, which append-only tables refuse: step round the triggers."""
    plain = DatabaseOperations.sql_flush

    def flush(self, style, tables, *, reset_sequences=False, allow_cascade=False):
        truncate = plain(self, style, tables, reset_sequences=reset_sequences, allow_cascade=True)
        return ["SET LOCAL session_replication_role = replica;", *truncate]

    DatabaseOperations.sql_flush = flush
    yield
    DatabaseOperations.sql_flush = plain


@pytest.fixture(autouse=True)
def own_language():
    """No test goes on in the language in which another ended."""
    yield
    translation.deactivate()


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def api():
    """`api(user)` is an API client signed in as that user (None: anonymous)."""

    def sign_in(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return sign_in


@pytest.fixture
def web(client):
    """`web(user)` is a browser session signed in as that user (None: anonymous)."""

    def sign_in(user: User | None):
        client.logout()
        if user is not None:
            client.force_login(user, backend="portal.people.backends.SignInBackend")
        return client

    return sign_in
