"""What a submission says otherwise than the one before it, for people: labels, names and written amounts."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.awards.models import Allocation
from allocations.programme.models import AllocationRequest, Call
from allocations.programme.standing import compared
from allocations.projects.models import Project
from datacenters.models import DataClass, Resource
from portal.foundation.formats import hours

# What a submission keeps besides the request's own fields.
LABELS = {
    "project": gettext_lazy("project"),
    "data_class": gettext_lazy("data class"),
    "lines": gettext_lazy("GPU-hours"),
    "runs": gettext_lazy("run table"),
    "attachments": gettext_lazy("papers"),
}
CHOICES: dict[str, dict[Any, Any]] = {
    "checkpointing": dict(AllocationRequest.Checkpointing.choices),
    "ai_risk": dict(AllocationRequest.Risk.choices),
    "data_class": dict(DataClass.choices),
}


class Difference(NamedTuple):
    """One field: its label, what it was and what it is, each written out."""

    label: str
    before: str
    after: str


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """What differs between the contents of two submissions, in the order of the form."""
    return [
        Difference(_label(name), *_written(name, [old, new])) for name, old, new in compared(before, after)
    ]


def _label(name: str) -> str:
    field: Any = None if name in LABELS else AllocationRequest._meta.get_field(name)
    return str(capfirst(field.verbose_name if field else LABELS[name]))


def _written(name: str, values: list[Any]) -> list[str]:
    """Both sides of a field: what names they hold is read once."""
    if name == "lines":
        codes = {line["resource"] for value in values for line in value or [] if line["resource"]}
        names = {
            each.code: str(each) for each in Resource.objects.filter(code__in=codes).select_related("site")
        }
        return [_each(value, lambda line: _line(line, names)) for value in values]
    if name in NAMED:
        names = NAMED[name]({value for value in values if value})
        return [names.get(value, value) if value else "" for value in values]
    return [_plain(name, value) for value in values]


def _plain(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in CHOICES:
        return str(CHOICES[name].get(value, value))
    if name in {"starts_on", "ends_on", "deadline_on"}:
        return date_format(date.fromisoformat(value), "j M Y")
    if name == "runs":
        return _each(value, _run)
    if name == "attachments":
        return _each(value, lambda attachment: attachment["title"])
    return str(value)


def _line(line: dict[str, Any], names: dict[str, str]) -> str:
    where = names.get(line["resource"], line["resource"]) or (
        _("Any suitable site") if line["any_suitable"] else "—"
    )
    text = _("%(where)s: %(hours)s GPU-hours") % {"where": where, "hours": hours(line["gpu_seconds"]) or "—"}
    quarters = ", ".join(
        f"{quarter} {hours(amount)}" for quarter, amount in sorted(line["by_quarter"].items())
    )
    return f"{text} ({quarters})" if quarters else text


def _run(run: dict[str, Any]) -> str:
    text = _("%(model)s: %(gpus)s GPUs × %(hours)s hours × %(runs)s") % run
    return f"{text} ({run['basis']})" if run["basis"] else text


def _each(rows: Iterable[Any] | None, write: Callable[[Any], str]) -> str:
    return "\n".join(write(row) for row in rows or [])


def _calls(codes: set[str]) -> dict[str, str]:
    return {call.code: str(call) for call in Call.objects.filter(code__in=codes)}


def _allocations(codes: set[str]) -> dict[str, str]:
    rows = Allocation.objects.filter(code__in=codes).select_related("resource__site")
    return {allocation.code: str(allocation) for allocation in rows}


def _projects(codes: set[str]) -> dict[str, str]:
    return dict(Project.objects.filter(code__in=codes).values_list("code", "title"))


NAMED: dict[str, Callable[[set[str]], dict[str, str]]] = {
    "call": _calls,
    "renews": _allocations,
    "project": _projects,
}
