"""The rules that an installation begins with: two dates, told of but not enforced until an admin says so."""

from typing import Any

# After the two dates of ALCC (US Department of Energy); the figures are this programme's own.
RULES: tuple[dict[str, Any], ...] = (
    {
        "name_en": "First date",
        "name_ur": "پہلی تاریخ",
        "check_percent": 40,
        "used_below_percent": 10,
        "take_percent": 25,
    },
    {
        "name_en": "Second date",
        "name_ur": "دوسری تاریخ",
        "check_percent": 70,
        "used_below_percent": 40,
        "take_percent": 50,
    },
)


def seed(rules: Any, versions: Any) -> None:
    """Plant the rules where there are none at all. Takes the models, so that a migration can call it too."""
    if rules.objects.exists():
        return
    for facts in RULES:
        rule = rules(name_en=facts["name_en"], name_ur=facts["name_ur"])
        rule.save()
        versions.objects.create(
            rule=rule,
            number=1,
            check_percent=facts["check_percent"],
            used_below_percent=facts["used_below_percent"],
            take_percent=facts["take_percent"],
            first_warning_days=14,
            second_warning_days=7,
            min_age_days=14,
            enforced=False,
            note="As the programme begins",
        )
