"""Logins that were linked before links had steps stay, confirmed, each with a code of its own."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.cast import make_cast

APP, BEFORE, AFTER = "scheduler_bridge", "0004_preflight", "0005_login_steps"


@pytest.mark.django_db(transaction=True)
def test_links_from_before_stay_confirmed():
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes(APP)
    executor.migrate([(APP, BEFORE)])
    try:
        cast = make_cast()
        link = executor.loader.project_state([(APP, BEFORE)]).apps.get_model(APP, "SiteLogin")
        for user in (cast.pi, cast.member):
            link.objects.create(
                user_id=user.pk, site_id=cast.site.pk, login=user.name.lower(), linked_by_id=cast.admin.pk
            )
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(latest)
    from scheduler_bridge.models import SiteLogin

    kept = SiteLogin.objects.order_by("login")
    assert [(one.login, one.state, one.decided_by) for one in kept] == [
        ("member", "confirmed", cast.admin),
        ("pi", "confirmed", cast.admin),
    ]
    assert len({one.code for one in kept}) == 2
    assert all(one.code.startswith("lgn-") and one.decided_at == one.created_at for one in kept)
