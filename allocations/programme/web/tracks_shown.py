"""A track's rules and steps in words, and how two versions differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allocations.programme.models import Track, TrackStep, TrackVersion
from allocations.programme.tracks import decided_by, role_names, target_of
from portal.foundation.formats import hours
from portal.people.models import Organisation


@dataclass(frozen=True)
class Difference:
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Shown:
    """A version in words, and what it changed of the one before it."""

    version: TrackVersion
    rules: dict[str, str]
    steps: list[tuple[str, str]]
    changes: list[Difference]


def history_of(track: Track) -> list[Shown]:
    """All versions, the one in force first."""
    versions = list(track.versions.select_related("rubric").prefetch_related("steps").order_by("-number"))
    earlier: list[TrackVersion | None] = [*versions[1:], None]
    return [
        Shown(
            version=version,
            rules=rules_of(version),
            steps=steps_of(version.steps.all()),
            changes=compared(before, before.steps.all(), version, version.steps.all()) if before else [],
        )
        for version, before in zip(versions, earlier, strict=True)
    ]


def rules_of(version: TrackVersion) -> dict[str, str]:
    """Label → what holds."""
    return {
        _("Most GPU-hours"): hours(version.max_gpu_seconds) or _("no bound"),
        _("Most GPUs at once"): str(version.max_gpus or _("no bound")),
        _("For"): ", ".join(str(Organisation.Kind(kind).label) for kind in version.organisation_kinds)
        or _("all organisations"),
        _("How a request gets here"): _("It is chosen") if version.by_choice else _("By its size"),
        _("Within a call"): _("Only within an open call") if version.needs_call else _("At any time"),
        _("By rule to one organisation in a quarter"): hours(version.rule_gpu_seconds) or _("no bound"),
        _("Target"): target_of(version) or _("none"),
        _("Reviews"): str(version.get_blind_display()),
        _("Rubric"): str(version.rubric or _("none")),
        _("Days to appeal"): str(version.appeal_days),
        _("First instalment"): f"{version.first_instalment_percent} %",
        _("Progress report"): _("every %(days)s days") % {"days": version.progress_every_days}
        if version.progress_every_days
        else _("none"),
        _("Final report"): _("yes") if version.final_report else _("no"),
    }


def steps_of(steps: Iterable[TrackStep]) -> list[tuple[str, str]]:
    """Each step: its name, and who does it within what time."""
    return [(str(step), step_text(step)) for step in steps]


def step_text(step: TrackStep) -> str:
    if step.by == TrackStep.By.RULE:
        return _("The rule, at once")
    who = decided_by(step) if step.kind == TrackStep.Kind.DECISION else _people(step)
    days = step.working_days
    within = ngettext("within %(count)s working day", "within %(count)s working days", days) % {"count": days}
    text = f"{who}, {within}"
    return f"{text}; {_('silence consents')}" if step.silence_consents else text


def _people(step: TrackStep) -> str:
    names = role_names(step.roles)
    return f"{step.persons} × {names}" if step.persons > 1 else names


def compared(
    before: TrackVersion,
    before_steps: Iterable[TrackStep],
    after: TrackVersion,
    after_steps: Iterable[TrackStep],
) -> list[Difference]:
    """What the later says otherwise than the earlier."""
    found = _differences(rules_of(before), rules_of(after))
    old, new = steps_of(before_steps), steps_of(after_steps)
    if [name for name, _text in old] != [name for name, _text in new]:
        found.append(
            Difference(_("Order of steps"), *(" → ".join(name for name, _t in each) for each in (old, new)))
        )
    return found + _differences(dict(old), dict(new))


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    labels = list(dict.fromkeys([*before, *after]))
    return [
        Difference(label, before.get(label, "—"), after.get(label, "—"))
        for label in labels
        if before.get(label) != after.get(label)
    ]
