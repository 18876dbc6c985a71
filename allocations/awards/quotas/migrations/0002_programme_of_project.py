"""Which programmes stand for a project today: a view, so that reports can join it."""

import django.db.models.deletion
from django.db import migrations, models

# In force as `Endorsement.in_force` has it: not withdrawn, not over (in Pakistan), the programme still there.
VIEW = """
    CREATE VIEW quotas_programme_of_project AS
    WITH standing AS (
      SELECT project_id, NULL::bigint AS organisation_id, programme_id, withdrawn_at, until
      FROM quotas_projectendorsement
      UNION ALL
      SELECT NULL, organisation_id, programme_id, withdrawn_at, until
      FROM people_organisationendorsement
    )
    SELECT DISTINCT j.id || '/' || p.id AS id, j.id AS project_id, p.id AS programme_id
    FROM standing s
    JOIN people_programme p ON p.id = s.programme_id
    JOIN projects_project j ON j.id = s.project_id OR j.organisation_id = s.organisation_id
    WHERE s.withdrawn_at IS NULL AND p.closed_at IS NULL
      AND (s.until IS NULL OR s.until >= (now() AT TIME ZONE 'Asia/Karachi')::date)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("quotas", "0001_quotas"),
        ("people", "0004_programmes"),
        ("projects", "0002_sectors"),
    ]

    operations = [
        migrations.RunSQL(VIEW, "DROP VIEW quotas_programme_of_project"),
        migrations.CreateModel(
            name="ProgrammeOfProject",
            fields=[
                ("id", models.CharField(max_length=42, primary_key=True, serialize=False)),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="standing",
                        to="projects.project",
                    ),
                ),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="people.programme",
                    ),
                ),
            ],
            options={"db_table": "quotas_programme_of_project", "managed": False},
        ),
    ]
