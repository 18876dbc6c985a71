"""The tracks that a new installation begins with: the programme's policy as data, edited in the browser.

Thresholds and targets follow the programme's published tracks; amounts are GPU-hours here and GPU-seconds in
the database.
"""

from typing import Any

HOUR = 3600

RUBRIC = ("Programme criteria", "پروگرام کا معیار")
# Code → (English, Urdu, weight, help in English, help in Urdu).
CRITERIA: dict[str, tuple[str, str, int, str, str]] = {
    "benefit": (
        "Public benefit",
        "عوامی فائدہ",
        25,
        "Who gains, how many, and how soon.",
        "کس کو، کتنوں کو، اور کب تک فائدہ ہو گا۔",
    ),
    "merit": (
        "Technical merit",
        "تکنیکی معیار",
        25,
        "Sound method, clear question.",
        "درست طریقہ، واضح سوال۔",
    ),
    "readiness": (
        "Readiness and efficiency",
        "تیاری اور کفایت",
        20,
        "Data, code and people are there; the GPU-hours are well used.",
        "ڈیٹا، کوڈ اور لوگ موجود ہیں؛ جی پی یو گھنٹے ٹھیک استعمال ہوں گے۔",
    ),
    "governance": (
        "Data governance",
        "ڈیٹا کا نظم",
        15,
        "Lawful, safe, documented.",
        "قانونی، محفوظ، دستاویزی۔",
    ),
    "capacity": (
        "Capacity and inclusion",
        "صلاحیت اور شمولیت",
        15,
        "Trains people, reaches those with less.",
        "لوگوں کی تربیت، کم وسائل والوں تک رسائی۔",
    ),
}

DECIDERS = ["admin", "council"]
ELIGIBLE = {"kind": "eligibility", "by": "rule"}
TECHNICAL = {"kind": "technical", "by": "rule"}
LOOKED_AT = {"kind": "technical", "roles": ["admin", "site"], "working_days": 3}
ETHICS = {"kind": "ethics", "roles": ["council"], "working_days": 2}
CONSENT = {"kind": "consent", "roles": ["site"], "working_days": 1, "silence_consents": True}

# Code → (English, Urdu, summary in English, in Urdu, rules, steps), from the smallest to the largest.
TRACKS: dict[str, tuple[str, str, str, str, dict[str, Any], list[dict[str, Any]]]] = {
    "explore": (
        "Explore",
        "آزمائش",
        "Up to 200 GPU-hours, decided by rule within minutes once person and organisation are verified.",
        "دو سو جی پی یو گھنٹوں تک، تصدیق شدہ فرد اور ادارے کے لیے چند منٹ میں خودکار فیصلہ۔",
        {
            "max_gpu_seconds": 200 * HOUR,
            "max_gpus": 8,
            "rule_gpu_seconds": 1000 * HOUR,
            "target_minutes": 10,
        },
        [ELIGIBLE, TECHNICAL, ETHICS, {"kind": "decision", "by": "rule", "roles": DECIDERS}],
    ),
    "standard": (
        "Standard",
        "معیاری",
        "Up to 5,000 GPU-hours and 8 GPUs at once: a check by rule, the site's consent, one person decides.",
        "پانچ ہزار جی پی یو گھنٹوں اور بیک وقت آٹھ جی پی یو تک: خودکار جانچ، مرکز کی رضامندی، ایک فیصلہ۔",
        {"max_gpu_seconds": 5_000 * HOUR, "max_gpus": 8, "target_days": 3, "final_report": True},
        [ELIGIBLE, TECHNICAL, ETHICS, CONSENT, {"kind": "decision", "roles": DECIDERS, "working_days": 2}],
    ),
    "large": (
        "Large",
        "بڑا",
        "Up to 50,000 GPU-hours within a call: three blind reviews and a panel.",
        "کال کے اندر پچاس ہزار جی پی یو گھنٹوں تک: تین بے نام جائزے اور ایک پینل۔",
        {
            "max_gpu_seconds": 50_000 * HOUR,
            "max_gpus": 50,
            "needs_call": True,
            "blind": "double",
            "target_days": 15,
            "first_instalment_percent": 50,
            "progress_every_days": 90,
            "final_report": True,
        },
        [
            ELIGIBLE,
            LOOKED_AT,
            ETHICS,
            {"kind": "review", "roles": ["reviewer"], "persons": 3, "working_days": 8},
            CONSENT,
            {"kind": "decision", "roles": DECIDERS, "working_days": 3},
        ],
    ),
    "national": (
        "National",
        "قومی",
        "Beyond 50,000 GPU-hours or 50 GPUs: the council decides each month, two persons together.",
        "پچاس ہزار جی پی یو گھنٹوں یا پچاس جی پی یو سے زیادہ: ہر ماہ کونسل کے دو افراد مل کر فیصلہ کرتے ہیں۔",
        {
            "target_days": 22,
            "first_instalment_percent": 50,
            "progress_every_days": 90,
            "final_report": True,
        },
        [
            ELIGIBLE,
            LOOKED_AT,
            ETHICS,
            CONSENT,
            {"kind": "decision", "roles": ["council"], "persons": 2, "working_days": 15},
        ],
    ),
    "urgent": (
        "Government urgent",
        "حکومتی ہنگامی",
        "Any amount for a government agency in an urgent need: two persons, within a day, published later.",
        "ہنگامی ضرورت میں سرکاری ادارے کے لیے کوئی بھی مقدار: ایک دن میں دو افراد کا فیصلہ، بعد میں شائع۔",
        {"organisation_kinds": ["agency"], "by_choice": True, "target_days": 1, "final_report": True},
        [ELIGIBLE, TECHNICAL, {"kind": "decision", "roles": DECIDERS, "persons": 2, "working_days": 1}],
    ),
    "classroom": (
        "Classroom",
        "جماعت",
        "Up to 2,000 GPU-hours for a course: an instructor, a code to join, a cap for each student.",
        "کورس کے لیے دو ہزار جی پی یو گھنٹوں تک: ایک استاد، شامل ہونے کا کوڈ، ہر طالب علم کی حد۔",
        {
            "max_gpu_seconds": 2_000 * HOUR,
            "max_gpus": 8,
            "organisation_kinds": ["academic"],
            "by_choice": True,
            "target_days": 3,
            "final_report": True,
        },
        [ELIGIBLE, TECHNICAL, CONSENT, {"kind": "decision", "roles": DECIDERS, "working_days": 2}],
    ),
}


def plant(models: Any) -> None:
    """Create what is missing; change nothing that is there. `models(name)` finds a model of this app."""
    rubric = _plant_rubric(models)
    for position, (code, facts) in enumerate(TRACKS.items()):
        name_en, name_ur, summary_en, summary_ur, rules, steps = facts
        track, is_new = models("Track").objects.get_or_create(
            code=code,
            defaults={
                "name_en": name_en,
                "name_ur": name_ur,
                "summary_en": summary_en,
                "summary_ur": summary_ur,
                "position": position,
            },
        )
        if is_new or not models("TrackVersion").objects.filter(track=track).exists():
            _plant_version(models, track, rubric, rules, steps)


def _plant_rubric(models: Any) -> Any:
    rubric = models("Rubric").objects.filter(name_en=RUBRIC[0]).first()
    if rubric is None:
        rubric = models("Rubric").objects.create(name_en=RUBRIC[0], name_ur=RUBRIC[1])
        models("Criterion").objects.bulk_create(
            models("Criterion")(
                rubric=rubric,
                code=code,
                name_en=name_en,
                name_ur=name_ur,
                weight=weight,
                help_en=help_en,
                help_ur=help_ur,
                position=position,
            )
            for position, (code, (name_en, name_ur, weight, help_en, help_ur)) in enumerate(CRITERIA.items())
        )
    return rubric


def _plant_version(
    models: Any, track: Any, rubric: Any, rules: dict[str, Any], steps: list[dict[str, Any]]
) -> None:
    version = models("TrackVersion").objects.create(
        track=track, number=1, rubric=rubric, note="Set up with the installation.", **rules
    )
    models("TrackStep").objects.bulk_create(
        models("TrackStep")(version=version, position=position, **step) for position, step in enumerate(steps)
    )


def seed() -> None:
    """For tests and demonstrations: the same rows as a new installation's."""
    from django.apps import apps

    plant(lambda name: apps.get_model("programme", name))
