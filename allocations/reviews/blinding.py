"""What a reviewer is shown of a request: its content, and of those who ask only what the track lets through.

People write names into free text although they are asked not to: what we know to be a name is struck out.
That is a net, not a promise.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from allocations.programme.models import AllocationRequest, Attachment, RunRow, TrackVersion
from allocations.projects.models import ProjectMember, Sector
from portal.people.models import User

STRUCK = "▇▇▇"
TITLES = {"dr", "dr.", "prof", "prof.", "professor", "mr", "mr.", "ms", "ms.", "mrs", "mrs.", "engr", "engr."}
SHORTEST_NAME = 4  # A shorter part of a name is too often a word of its own.


@dataclass(frozen=True)
class Sheet:
    """A request as its reviewer reads it. `organisation` and `title` are empty where the review is blind."""

    organisation: str
    title: str
    sector: Sector
    data_class: str
    abstract: str
    justification: str
    prior_usage: str
    checkpointing: str
    ai_risk: str
    ai_risk_note: str
    starts_on: date | None
    ends_on: date | None
    deadline_on: date | None
    deadline_note: str
    flexible: bool
    lines: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    gpu_seconds: int
    attachments: list[Attachment]


def is_double_blind(version: TrackVersion | None) -> bool:
    """Whether reviewers don't see who asks. What names no track is taken for the stricter."""
    return version is None or version.blind == TrackVersion.Blind.DOUBLE


def sheet_of(request: AllocationRequest) -> Sheet:
    """What the reviewers of `request` may read."""
    blind = is_double_blind(request.track_version)
    project = request.project
    names = names_of(request) if blind else persons_of(request)

    def clean(text: str) -> str:
        return strike(text, names)

    return Sheet(
        organisation="" if blind else project.organisation.name,
        title="" if blind else clean(project.title),
        sector=project.sector,
        data_class=project.get_data_class_display(),
        abstract=clean(request.abstract),
        justification=clean(request.justification),
        prior_usage=clean(request.prior_usage),
        checkpointing=request.get_checkpointing_display(),
        ai_risk=request.get_ai_risk_display(),
        ai_risk_note=clean(request.ai_risk_note),
        starts_on=request.starts_on,
        ends_on=request.ends_on,
        deadline_on=request.deadline_on,
        deadline_note=clean(request.deadline_note),
        flexible=request.flexible,
        lines=[
            {"where": line.where, "gpu_seconds": line.gpu_seconds, "by_quarter": line.by_quarter}
            for line in request.lines.all()
        ],
        runs=[_run(run, names) for run in request.runs.all()],
        gpu_seconds=request.gpu_seconds,
        attachments=attachments_of(request),
    )


def attachments_of(request: AllocationRequest) -> list[Attachment]:
    """What may be opened: at double-blind tracks only what its writer says names nobody."""
    blind = is_double_blind(request.track_version)
    return [
        attachment
        for attachment in request.attachments.all()
        if attachment.removed_at is None and (attachment.anonymous or not blind)
    ]


def names_of(request: AllocationRequest) -> list[str]:
    """Whatever names those who ask: the project, the organisation and its website, the people."""
    project = request.project
    site = urlsplit(project.organisation.website).hostname or ""
    return [
        project.title,
        project.code,
        request.code,
        project.organisation.name,
        project.organisation.code,
        site.removeprefix("www."),
        *persons_of(request),
    ]


def persons_of(request: AllocationRequest) -> list[str]:
    """Names, parts of names and addresses of the project's people."""
    members = ProjectMember.objects.filter(project=request.project_id).values("user")
    people = User.objects.filter(pk__in=members) | User.objects.filter(pk=request.requested_by_id)
    found = []
    for name, email in people.values_list("name", "email"):
        parts = [part for part in name.split() if part.lower() not in TITLES]
        found += [name, email, " ".join(parts), *(part for part in parts if len(part) >= SHORTEST_NAME)]
    return found


def strike(text: str, names: Iterable[str]) -> str:
    """`text` without `names` as whole words, whatever the case; the longest first, to leave no rest."""
    known = sorted({name.strip() for name in names if name.strip()}, key=len, reverse=True)
    if not known or not text:
        return text
    pattern = "|".join(r"\s+".join(map(re.escape, name.split())) for name in known)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", STRUCK, text, flags=re.IGNORECASE)


def _run(run: RunRow, names: list[str]) -> dict[str, Any]:
    return {
        "model": strike(run.model, names),
        "gpus": run.gpus,
        "hours": run.hours,
        "runs": run.runs,
        "basis": strike(run.basis, names),
        "gpu_seconds": run.gpu_seconds,
    }
