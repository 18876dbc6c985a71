"""Which track a request falls into, who decides there, and by when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allocations.programme.models import AllocationRequest, TrackStep, TrackVersion
from portal.foundation import clock
from portal.people.models import ProgrammeRole

SATURDAY = 5


def versions_in_force() -> list[TrackVersion]:
    """The latest version of each open track, from the smallest track to the largest, steps with them."""
    latest = (
        TrackVersion.objects.filter(track__is_open=True)
        .order_by("track_id", "-number")
        .distinct("track_id")
        .select_related("track", "rubric")
        .prefetch_related(Prefetch("steps", TrackStep.objects.order_by("position")))
    )
    return sorted(latest, key=lambda version: (version.track.position, version.track.code))


def track_for(request: AllocationRequest) -> TrackVersion | None:
    """The version that `request` would be filed under now: that of its call's track, of the chosen one, else
    the first that it fits.

    None where no open track takes it.
    """
    versions = versions_in_force()
    # Only a track that is there to be chosen can be: else a larger one would be a way round a call's reviews.
    choosable = {version.track_id for version in versions if version.by_choice}
    chosen = request.wanted_track_id if request.wanted_track_id in choosable else None
    return chosen_of(
        versions,
        gpu_seconds=request.gpu_seconds,
        gpus=request.gpus_at_once,
        organisation_kind=request.project.organisation.kind,
        wanted=request.call.track_id if request.call else chosen,
    )


def chosen_of(
    versions: Iterable[TrackVersion],
    *,
    gpu_seconds: int,
    gpus: int,
    organisation_kind: str,
    wanted: int | None = None,
) -> TrackVersion | None:
    """The first of `versions` that takes so much (GPU-seconds; GPUs at once), or the `wanted` one."""
    for version in versions:
        if (wanted is not None and version.track_id != wanted) or (wanted is None and version.by_choice):
            continue
        if fits(version, gpu_seconds=gpu_seconds, gpus=gpus, organisation_kind=organisation_kind):
            return version
    return None


def fits(version: TrackVersion, *, gpu_seconds: int, gpus: int, organisation_kind: str) -> bool:
    """Whether so much stays within the version's bounds, for this class of organisation."""
    return not (
        (version.max_gpu_seconds is not None and gpu_seconds > version.max_gpu_seconds)
        or (version.max_gpus is not None and gpus > version.max_gpus)
        or (version.organisation_kinds and organisation_kind not in version.organisation_kinds)
    )


@dataclass(frozen=True)
class Promise:
    """What a track tells an applicant at once."""

    track: str
    decided_by: str
    target: str
    steps: list[str]


def promise(version: TrackVersion) -> Promise:
    """Which track it is, who decides, by when, and through which steps, in the reader's language."""
    steps = list(version.steps.all())
    decision = next((step for step in steps if step.kind == TrackStep.Kind.DECISION), None)
    return Promise(
        track=str(version.track),
        decided_by=decided_by(decision),
        target=target_of(version),
        steps=[str(step) for step in steps],
    )


def decided_by(step: TrackStep | None) -> str:
    """Who decides, for people."""
    if step is not None and step.by == TrackStep.By.RULE:
        return _("The rule, at once")
    roles = role_names(step.roles if step else [])
    if step is not None and step.persons > 1:
        return _("%(persons)s persons together: %(roles)s") % {"persons": step.persons, "roles": roles}
    return roles


def role_names(roles: Iterable[str]) -> str:
    """“Programme admin or Council”."""
    names = [
        _("Site manager") if role == TrackStep.SITE else str(ProgrammeRole.Role(role).label) for role in roles
    ]
    return _(" or ").join(names) or _("Programme admin")


def target_of(version: TrackVersion) -> str:
    """How long it should take, for people; empty where no target is set."""
    if version.target_minutes:
        minutes = version.target_minutes
        return ngettext("within %(count)s minute", "within %(count)s minutes", minutes) % {"count": minutes}
    if version.target_days:
        days = version.target_days
        return ngettext("within %(count)s working day", "within %(count)s working days", days) % {
            "count": days
        }
    return ""


def target_moment(version: TrackVersion, since: datetime) -> datetime | None:
    """The moment (UTC) until which a request filed at `since` should be decided."""
    if version.target_minutes:
        return since + timedelta(minutes=version.target_minutes)
    return working_days_after(since, version.target_days) if version.target_days else None


def working_days_after(moment: datetime, days: int) -> datetime:
    """The same time of day `days` working days later in Pakistan; Saturdays and Sundays don't count."""
    local = moment.astimezone(clock.KARACHI)
    while days > 0:
        local += timedelta(days=1)
        if local.weekday() < SATURDAY:
            days -= 1
    return local.astimezone(moment.tzinfo)


def content_of(request: AllocationRequest) -> dict[str, Any]:
    """Everything that was asked for, word for word, as a submission keeps it."""
    facts = request.snapshot(
        "project",
        "starts_on",
        "ends_on",
        "justification",
        "public_abstract",
        "abstract_withheld",
        "withheld_reason",
        "checkpointing",
        "deadline_on",
        "deadline_note",
        "flexible",
        "prior_usage",
        "ai_risk",
        "ai_risk_note",
        "call",
        "renews",
    )
    return {
        **facts,
        "data_class": request.project.data_class,
        "lines": [
            {**line.snapshot("resource", "any_suitable", "gpu_seconds"), "by_quarter": line.by_quarter}
            for line in request.lines.all()
        ],
        "runs": [run.snapshot("model", "gpus", "hours", "runs", "basis") for run in request.runs.all()],
        "attachments": [
            {"code": attachment.code, "title": attachment.title, "sha256": attachment.sha256}
            for attachment in request.attachments.all()
            if attachment.removed_at is None
        ],
    }
