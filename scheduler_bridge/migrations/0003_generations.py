from django.db import migrations, models

# Until now every allocation had one Slurm account; its runs ran there.
FILL = """
    UPDATE scheduler_bridge_jobrun run SET slurm_account = binding.slurm_account
    FROM scheduler_bridge_slurmaccountbinding binding WHERE binding.allocation_id = run.allocation_id
"""


class Migration(migrations.Migration):
    dependencies = [("scheduler_bridge", "0002_refused_from_uncertain")]

    operations = [
        migrations.AddField(
            model_name="jobrun",
            name="slurm_account",
            field=models.CharField(blank=True, default="", max_length=200, verbose_name="Slurm account"),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="provisioningrun",
            name="is_drift",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="provisioningrun",
            name="remedies",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="slurmaccountbinding",
            name="adopted",
            field=models.BooleanField(default=False, verbose_name="adopted"),
        ),
        migrations.AddField(
            model_name="slurmaccountbinding",
            name="counted_before",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="slurmaccountbinding",
            name="reserved",
            field=models.JSONField(default=dict),
        ),
    ]
