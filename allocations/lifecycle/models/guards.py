"""What the database itself refuses about decisions in this room, told once."""

import pgtrigger


def independent(
    *, allocation_id: str, target_id: str | None = None, also: str = "FALSE"
) -> pgtrigger.Trigger:
    """Refuses a word of somebody with a conflict of interest about the request that fed the allocation.

    `allocation_id` is an SQL expression for the allocation's id, `target_id` for that of another which counts
    as well; `also` a further condition that refuses.
    """
    concerned = f"IN ({allocation_id}, {target_id})" if target_id else f"= {allocation_id}"
    return pgtrigger.Trigger(
        name="independent",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        func=(
            # The pieces are our own constants.
            f"IF {also} OR EXISTS (SELECT 1 FROM programme_conflict c "  # noqa: S608
            "JOIN programme_decision d ON d.request_id = c.request_id "
            "JOIN programme_fulfilment f ON f.decision_id = d.id "
            "JOIN awards_award w ON w.id = f.award_id "
            f"WHERE w.allocation_id {concerned} AND c.severity IN ('real', 'apparent') "
            "AND c.user_id IN (NEW.decided_by_id, NEW.on_behalf_of_id)) THEN "
            "RAISE EXCEPTION 'nobody decides after a conflict of interest, or again' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
        ),
    )


def keeps(*fields: str) -> pgtrigger.Trigger:
    """What was asked for stays as it was asked."""
    changed = " OR ".join(f"OLD.{field} IS DISTINCT FROM NEW.{field}" for field in fields)
    return pgtrigger.Protect(
        name="keeps_what_was_asked", operation=pgtrigger.Update, condition=pgtrigger.Condition(changed)
    )


def begins_as(state: str) -> pgtrigger.Trigger:
    """A new row is in its first state: every other needs its step."""
    return pgtrigger.Protect(
        name="begins_at_the_beginning",
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(f"NEW.state <> '{state}'"),
    )
