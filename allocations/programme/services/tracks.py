"""Changing tracks: each change is a new version, and requests keep the one that they were filed under."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.models import Criterion, Rubric, Track, TrackStep, TrackVersion
from allocations.programme.tracks import role_names
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, records
from portal.people.models import Organisation, ProgrammeRole, User

RULES = (
    "max_gpu_seconds",
    "max_gpus",
    "organisation_kinds",
    "by_choice",
    "needs_call",
    "rule_gpu_seconds",
    "blind",
    "target_minutes",
    "target_days",
    "appeal_days",
    "first_instalment_percent",
    "progress_every_days",
    "final_report",
)
STEP = ("kind", "by", "roles", "persons", "working_days", "silence_consents")
Kind = TrackStep.Kind
Role = ProgrammeRole.Role
_CHECKERS = frozenset({Role.ADMIN, Role.COUNCIL, Role.VERIFIER, TrackStep.SITE})
# Kind of step → whom it may wait for. A rule can do only what is registered for it.
ROLES_OF: dict[str, frozenset[str]] = {
    Kind.ELIGIBILITY: _CHECKERS,
    Kind.TECHNICAL: _CHECKERS,
    Kind.ETHICS: _CHECKERS,
    Kind.REVIEW: frozenset({Role.REVIEWER}),
    Kind.CONSENT: frozenset({TrackStep.SITE}),
    Kind.DECISION: frozenset({Role.ADMIN, Role.COUNCIL}),
}
BY_RULE = frozenset({Kind.ELIGIBILITY, Kind.TECHNICAL, Kind.DECISION})


@transaction.atomic
def track_change(
    *,
    actor: User,
    track: Track,
    rules: dict[str, Any],
    steps: list[dict[str, Any]],
    note: str,
    rubric: Rubric | None = None,
    after: int | None = None,
) -> TrackVersion:
    """Set new rules and steps, in order; they hold for what is submitted from now on. For programme admins.

    `after` is the number of the version that the change was thought out on. Raises IllegalState where it
    isn't the latest any more, InvalidInput (note; a rule; steps), NotAllowed, SecondFactorNeeded.
    """
    _require_admin(actor)
    track = Track.objects.select_for_update().get(pk=track.pk)
    if not note.strip():
        raise InvalidInput(_("Say why the track changes."), field="note", remedy=_("It is kept and shown."))
    latest = track.versions.order_by("-number").first()
    if after is not None and latest is not None and latest.number != after:
        raise IllegalState(
            _("Version %(number)s came in between.") % {"number": latest.number},
            remedy=_("Compare your changes with it, then save again."),
            code="newer",
        )
    _check_steps(steps)
    version = TrackVersion(
        track=track,
        number=latest.number + 1 if latest else 1,
        rubric=rubric or (latest.rubric if latest else None),
        note=note.strip(),
        made_by=actor,
        **{name: rules[name] for name in RULES if name in rules},
    )
    _check_rules(version, steps)
    version.save()
    for position, step in enumerate(steps):
        row = TrackStep(
            version=version, position=position, **{name: step[name] for name in STEP if name in step}
        )
        records.check(row)
        row.save()
    audit.record(
        actor=actor,
        action="track_change",
        target=track,
        before=_facts(latest) if latest else {},
        after=_facts(version),
        reason=note.strip(),
    )
    return version


@transaction.atomic
def track_set_open(*, actor: User, track: Track, is_open: bool, reason: str) -> Track:
    """Let a track take requests, or no more. What is under way goes on. For programme admins."""
    _require_admin(actor)
    track = Track.objects.select_for_update().get(pk=track.pk)
    if track.is_open == is_open:
        raise IllegalState(_("It is so already."))
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason")
    before = track.snapshot("is_open")
    track.is_open = is_open
    track.store("is_open")
    audit.record(
        actor=actor,
        action="track_open" if is_open else "track_close",
        target=track,
        before=before,
        after=track.snapshot("is_open"),
        reason=reason.strip(),
    )
    return track


@transaction.atomic
def rubric_create(*, actor: User, name_en: str, name_ur: str, criteria: list[dict[str, Any]]) -> Rubric:
    """A rubric with its criteria and weights; it is never changed. For programme admins.

    Raises InvalidInput without criteria, or where their weights don't add up to 100.
    """
    _require_admin(actor)
    if not name_en.strip():
        raise InvalidInput(_("Give it a name."), field="name_en")
    if not criteria or sum(criterion["weight"] for criterion in criteria) != 100:
        raise InvalidInput(
            _("The weights add up to %(sum)s.") % {"sum": sum(criterion["weight"] for criterion in criteria)},
            field="criteria",
            remedy=_("Make them add up to 100."),
        )
    if len({criterion["code"] for criterion in criteria}) < len(criteria):
        raise InvalidInput(
            _("Two criteria have the same code."), field="criteria", remedy=_("Give each its own.")
        )
    rubric = Rubric.objects.create(name_en=name_en.strip(), name_ur=name_ur.strip() or name_en.strip())
    for position, fields in enumerate(criteria):
        criterion = Criterion(rubric=rubric, position=position, **fields)
        criterion.name_ur = criterion.name_ur or criterion.name_en
        records.check(criterion)
        criterion.save()
    audit.record(actor=actor, action="rubric_create", target=rubric, after={"criteria": criteria})
    return rubric


def _require_admin(actor: User) -> None:
    require(actor, "programme.administer", message=_("Only programme admins may change this."))
    require_second_factor(actor)


def _check_steps(steps: list[dict[str, Any]]) -> None:
    kinds = [step["kind"] for step in steps]
    if not kinds or kinds[-1] != TrackStep.Kind.DECISION:
        raise InvalidInput(
            _("A track ends with its decision."), field="steps", remedy=_("Put the decision last.")
        )
    if len(set(kinds)) < len(kinds):
        raise InvalidInput(_("Each kind of step may come once."), field="steps")
    for step in steps:
        _check_step(step)


def _check_step(step: dict[str, Any]) -> None:
    kind = Kind(step["kind"])
    by_rule = step.get("by") == TrackStep.By.RULE
    roles = set(step.get("roles", []))
    if by_rule and kind not in BY_RULE:
        raise InvalidInput(
            _("No rule can do “%(step)s”.") % {"step": kind.label},
            field="steps",
            remedy=_("Let people do it."),
        )
    if not by_rule and not roles:
        raise InvalidInput(
            _("“%(step)s” names nobody.") % {"step": kind.label},
            field="steps",
            remedy=_("Choose at least one role, or let a rule do it."),
        )
    if wrong := roles - ROLES_OF[kind]:
        raise InvalidInput(
            _("“%(step)s” can't wait for: %(roles)s.")
            % {"step": kind.label, "roles": ", ".join(role_names([role]) for role in sorted(wrong))},
            field="steps",
            remedy=_("It may wait for: %(roles)s.") % {"roles": role_names(sorted(ROLES_OF[kind]))},
        )


def _check_rules(version: TrackVersion, steps: list[dict[str, Any]]) -> None:
    records.check(version)
    if unknown := set(version.organisation_kinds) - set(Organisation.Kind.values):
        raise InvalidInput(
            _("There is no such class of organisations: %(kinds)s.") % {"kinds": ", ".join(sorted(unknown))},
            field="organisation_kinds",
        )
    if version.rubric is None and any(step["kind"] == Kind.REVIEW for step in steps):
        raise InvalidInput(_("Reviews need a rubric."), field="rubric", remedy=_("Choose one."))


def _facts(version: TrackVersion) -> dict[str, Any]:
    """A version as the audit keeps it."""
    return {
        "version": version.number,
        **version.snapshot(*RULES),
        "steps": [{name: getattr(step, name) for name in STEP} for step in version.steps.all()],
    }
