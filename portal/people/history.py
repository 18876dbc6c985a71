"""What happened to a thing, told from its audit rows."""

from collections.abc import Collection, Mapping
from typing import Any

from portal.foundation.models import AuditRow
from portal.foundation.tones import tone_of
from portal.people.models import User


def events(thing: Any, titles: Mapping[str, Any], fields: Collection[str] = ()) -> list[dict[str, Any]]:
    """The thing's timeline, newest first, as the timeline component takes it.

    `titles` names each action, by a text or by a function of its row; of `fields` it is told what they were
    and what they became.
    """
    rows = list(
        AuditRow.objects.filter(
            object_type=thing._meta.model_name, object_code=thing.code, action__in=titles
        ).order_by("-id")
    )
    people = dict(User.objects.filter(code__in={row.actor for row in rows}).values_list("code", "name"))
    return [
        {
            "at": row.at,
            "title": title(row) if callable(title := titles[row.action]) else title,
            "by": people.get(row.actor, ""),
            "text": "\n".join(_lines(thing, row, fields)),
            "tone": tone_of(row.after.get("state", "")),
        }
        for row in rows
    ]


def _lines(thing: Any, row: AuditRow, fields: Collection[str]) -> list[str]:
    changed = [
        f"{thing._meta.get_field(name).verbose_name}: {row.before[name]} → {row.after[name]}"
        for name in fields
        if name in row.before and name in row.after
    ]
    return [*changed, row.reason] if row.reason else changed
