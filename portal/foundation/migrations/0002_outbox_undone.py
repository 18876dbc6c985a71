from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='outboxrow',
            index=models.Index(condition=models.Q(('done_at__isnull', True)), fields=['topic'], name='outbox_undone'),
        ),
    ]
