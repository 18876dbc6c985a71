"""What the database refuses where people have an interest or a conflict: one rule for words of all kinds."""

from collections.abc import Sequence

import pgtrigger

from allocations.awards.interest import interested

_REQUEST = "(SELECT r.{} FROM programme_allocationrequest r WHERE r.id = NEW.request_id)"


def conflicted(*who: str) -> str:
    """SQL: whether one of NEW's columns `who` names somebody with a conflict about NEW's request."""
    people = ", ".join(f"NEW.{column}" for column in who)
    return (
        # The pieces are our own constants.
        "EXISTS (SELECT 1 FROM programme_conflict c WHERE c.request_id = NEW.request_id "  # noqa: S608
        f"AND c.user_id IN ({people}) AND c.severity IN ('real', 'apparent'))"
    )


def independent_trigger(*, name: str, who: Sequence[str], condition: str) -> pgtrigger.Trigger:
    """Refuses a row that meets `condition` and names in one of `who` somebody tied to NEW's request.

    That is who asks, whoever belongs to its project or organisation, or has a conflict. It looks when the
    row is written, and again when its state changes or it names others: whoever is tied later stays named.
    """
    said = ", ".join(("{0}.state", *(f"{{0}}.{column}" for column in who)))
    asks = " OR ".join(f"NEW.{column} = {_REQUEST.format('requested_by_id')}" for column in who)
    has_interest = " OR ".join(
        interested(project_id=_REQUEST.format("project_id"), who=column) for column in who
    )
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.Before,
        condition=pgtrigger.Condition(condition),
        func=(
            f"IF TG_OP = 'UPDATE' AND ({said.format('OLD')}) IS NOT DISTINCT FROM ({said.format('NEW')}) "
            "THEN RETURN NEW; END IF; "
            f"IF {conflicted(*who)} THEN RAISE EXCEPTION 'nobody has a say after a conflict of interest' "
            "USING ERRCODE = 'check_violation'; END IF; "
            f"IF {asks} OR {has_interest} THEN RAISE EXCEPTION "
            "'nobody has a say about their own request, project or organisation' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
        ),
    )
