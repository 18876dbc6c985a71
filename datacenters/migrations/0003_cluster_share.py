import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datacenters", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="cluster",
            name="lent_percent",
            field=models.PositiveSmallIntegerField(
                default=100,
                help_text="Of each resource's GPUs, rounded down. The rest stays with the site's own users.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100),
                ],
                verbose_name="share lent to the programme (percent)",
            ),
        ),
        migrations.AddConstraint(
            model_name="cluster",
            constraint=models.CheckConstraint(
                condition=models.Q(("lent_percent__range", (1, 100))), name="cluster_lends_a_share"
            ),
        ),
    ]
