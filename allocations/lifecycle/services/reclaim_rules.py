"""Making and changing the rules of reclamation. A change is a new version; open cases keep theirs."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from allocations.lifecycle.models.reclaim import ReclaimRule, ReclaimRuleVersion
from portal.foundation.errors import InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.services.records import insert, only
from portal.people.models import User

FIELDS = frozenset(
    {
        "track",
        "resource",
        "check_percent",
        "used_below_percent",
        "take_percent",
        "first_warning_days",
        "second_warning_days",
        "min_age_days",
        "enforced",
        "note",
    }
)


@transaction.atomic
def reclaim_rule_create(*, actor: User, name_en: str, name_ur: str, **version: Any) -> ReclaimRule:
    """A new rule with its first version. Raises NotAllowed, SecondFactorNeeded and InvalidInput."""
    _may(actor)
    rule = insert(
        actor=actor,
        action="reclaim_rule_create",
        record=ReclaimRule(name_en=name_en, name_ur=name_ur),
        shown=("name_en", "name_ur"),
    )
    _add(actor, rule, 1, version)
    return rule


@transaction.atomic
def reclaim_rule_revise(*, actor: User, rule: ReclaimRule, **version: Any) -> ReclaimRuleVersion:
    """What the rule says from now on. Not enforced, it lets its open cases go at the next run.

    Raises NotAllowed, SecondFactorNeeded and InvalidInput.
    """
    _may(actor)
    rule = ReclaimRule.objects.select_for_update().get(pk=rule.pk)
    return _add(actor, rule, rule.versions.order_by("-number")[0].number + 1, version)


def _may(actor: User) -> None:
    require(actor, "lifecycle.edit_reclaim_rules")
    require_second_factor(actor)


def _add(actor: User, rule: ReclaimRule, number: int, fields: dict[str, Any]) -> ReclaimRuleVersion:
    only(fields, FIELDS)
    version = ReclaimRuleVersion(rule=rule, number=number, made_by=actor, **fields)
    if version.second_warning_days >= version.first_warning_days:
        raise InvalidInput(
            _("The second warning comes after the first."),
            field="second_warning_days",
            remedy=_("Give fewer days than for the first."),
        )
    try:
        version.full_clean()
    except ValidationError as error:
        field, faults = next(iter(error.message_dict.items()))
        raise InvalidInput(" ".join(faults), field=None if field == NON_FIELD_ERRORS else field) from error
    version.save(force_insert=True)
    shown = {name: getattr(version, name) for name in FIELDS}
    audit.record(
        actor=actor,
        action="reclaim_rule_revise",
        target=rule,
        after={
            "number": number,
            **{name: getattr(value, "code", value) for name, value in shown.items()},
        },
        reason=version.note,
    )
    return version
