from django.db import migrations

from allocations.programme.seeding import plant


def forwards(apps, schema_editor):
    plant(lambda name: apps.get_model("programme", name))


class Migration(migrations.Migration):

    dependencies = [("programme", "0004_one_word_each")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
