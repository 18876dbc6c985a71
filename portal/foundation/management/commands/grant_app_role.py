"""Give the application's database role what it needs, and no more."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from pgtrigger import Protect


class Command(BaseCommand):
    help = (
        "Run by the owner of the tables after `migrate`: the application's role may read and write rows; "
        "of append-only tables it may only add rows. It owns nothing, so it can't drop a trigger."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        role = connection.ops.quote_name(settings.APP_DATABASE_ROLE)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
            cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
            for table in append_only_tables():
                cursor.execute(f"REVOKE UPDATE, DELETE ON {connection.ops.quote_name(table)} FROM {role}")
        self.stdout.write(f"{settings.APP_DATABASE_ROLE} may use {connection.settings_dict['NAME']}.")


def append_only_tables() -> list[str]:
    """Tables whose models are protected against UPDATE and DELETE."""
    return [
        model._meta.db_table
        for model in apps.get_models()
        if any(
            isinstance(trigger, Protect) and trigger.name == "append_only"
            for trigger in getattr(model._meta, "triggers", [])
        )
    ]
