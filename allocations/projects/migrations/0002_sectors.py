from django.db import migrations

# The twelve sectors of the National Taskforce on AI. Six are named by the programme, four are cited
# elsewhere; the last two fill up and are provisional.
SECTORS = [
    ("education", "Education", "تعلیم", False),
    ("health", "Health", "صحت", False),
    ("agriculture", "Agriculture", "زراعت", False),
    ("climate", "Climate", "موسمیات", False),
    ("business", "Business", "کاروبار", False),
    ("governance", "Governance", "نظم و نسق", False),
    ("judiciary", "Judiciary", "عدلیہ", False),
    ("manufacturing", "Manufacturing", "صنعت و پیداوار", False),
    ("energy", "Energy", "توانائی", False),
    ("defence", "Defence", "دفاع", False),
    ("finance", "Finance", "مالیات", True),
    ("languages", "Languages", "زبانیں", True),
]


def plant(apps, schema_editor):
    Sector = apps.get_model("projects", "Sector")
    for code, name_en, name_ur, provisional in SECTORS:
        Sector.objects.get_or_create(
            code=code, defaults={"name_en": name_en, "name_ur": name_ur, "provisional": provisional}
        )


class Migration(migrations.Migration):

    dependencies = [("projects", "0001_initial")]
    operations = [migrations.RunPython(plant, migrations.RunPython.noop)]
