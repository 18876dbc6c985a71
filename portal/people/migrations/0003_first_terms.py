"""Version 1 of the terms, and the words behind what verifiers accepted before words were rows of their own."""

from django.db import migrations
from django.db.models import F

from portal.people.terms import FIRST_DAY, FIRST_EN, FIRST_UR


def plant(apps, schema_editor):
    apps.get_model("people", "TermsVersion").objects.get_or_create(
        kind="acceptable_use",
        number=1,
        defaults={"text_en": FIRST_EN, "text_ur": FIRST_UR, "in_force_from": FIRST_DAY},
    )


def write_words(apps, schema_editor):
    Verification, Word = (apps.get_model("people", name) for name in ("Verification", "VerificationWord"))
    taken_as_given = Verification.objects.filter(state="accepted", verifier__isnull=False).exclude(
        organisation__memberships__user=F("verifier")
    )
    for row in taken_as_given:
        Word.objects.get_or_create(
            verification=row,
            verifier_id=row.verifier_id,
            defaults={"seat_id": row.verifier_id, "expires_on": row.expires_on},
        )
    for row in Verification.objects.filter(province="").select_related("organisation"):
        Verification.objects.filter(pk=row.pk).update(province=row.organisation.province)


class Migration(migrations.Migration):

    dependencies = [("people", "0002_identity_terms_deputies")]
    operations = [
        migrations.RunPython(plant, migrations.RunPython.noop),
        migrations.RunPython(write_words, migrations.RunPython.noop),
    ]
