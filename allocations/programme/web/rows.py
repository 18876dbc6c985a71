"""Forms in rows: as many as one needs, without a script."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

MORE_ROWS = re.compile("[0-9]{1,4}")


class RowForm(forms.Form):
    """One row of several. An empty one counts for nothing, one marked to be removed neither."""

    use_required_attribute = False
    remove = forms.BooleanField(label=_("Remove"), required=False)

    @property
    def counts(self) -> bool:
        typed = (self.data.get(self.add_prefix(name), "") for name in self.fields if name != "remove")
        return any(str(value).strip() for value in typed) and self.add_prefix("remove") not in self.data


class Rows:
    """A table of forms that grows: as many as were sent, or one more than there are."""

    def __init__(
        self,
        kind: type[RowForm],
        prefix: str,
        *,
        data: Any = None,
        initial: list[dict[str, Any]],
        most: int,
        **options: Any,
    ) -> None:
        self.prefix, self.most = prefix, most
        self.is_bound = data is not None
        total = _count(data.get(self.total_name)) if data is not None else len(initial) + 1
        self.total = min(total, most)
        self.forms = [
            kind(
                data,
                prefix=f"{prefix}-{number}",
                initial=initial[number] if number < len(initial) else None,
                **options,
            )
            for number in range(self.total)
        ]
        # From which a script makes further rows.
        self.blank = kind(prefix=f"{prefix}-__row__", **options)

    @property
    def total_name(self) -> str:
        return f"{self.prefix}-total"

    @property
    def counting(self) -> list[Any]:
        return [row for row in self.forms if row.counts]

    def is_valid(self) -> bool:
        return all(row.is_valid() for row in self.counting)

    def typed(self) -> list[dict[str, Any]]:
        """What was typed, as it was typed, less the rows to be removed and the empty ones."""
        return [{name: row.data.get(row.add_prefix(name)) for name in row.fields} for row in self.counting]


def _count(sent: Any) -> int:
    """How many rows a browser says it sent."""
    return int(sent) if MORE_ROWS.fullmatch(str(sent)) else 1
