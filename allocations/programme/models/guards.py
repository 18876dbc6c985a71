"""What the database refuses where people have a conflict of interest: one rule, for words of every kind."""

from collections.abc import Iterable

import pgtrigger


def conflicted(*who: str) -> str:
    """SQL: whether one of NEW's columns `who` names somebody with a conflict about NEW's request."""
    people = ", ".join(f"NEW.{column}" for column in who)
    return (
        # The pieces are our own constants.
        "EXISTS (SELECT 1 FROM programme_conflict c WHERE c.request_id = NEW.request_id "  # noqa: S608
        f"AND c.user_id IN ({people}) AND c.severity IN ('real', 'apparent'))"
    )


def unconflicted_trigger(*, name: str, who: Iterable[str], condition: str) -> pgtrigger.Trigger:
    """Refuses an update that meets `condition` and names somebody with a conflict in one of `who`."""
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(condition),
        func=(
            f"IF {conflicted(*who)} THEN RAISE EXCEPTION 'nobody has a say after a conflict of interest' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
        ),
    )
