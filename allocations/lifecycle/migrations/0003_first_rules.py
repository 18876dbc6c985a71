"""The rules of reclamation that a new installation begins with."""

from typing import Any

from django.db import migrations

from allocations.lifecycle.reclaim_seeding import seed


def plant(apps: Any, schema_editor: Any) -> None:
    seed(
        apps.get_model("lifecycle", "ReclaimRule"),
        apps.get_model("lifecycle", "ReclaimRuleVersion"),
    )


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0002_reclaim")]

    operations = [migrations.RunPython(plant, migrations.RunPython.noop)]
