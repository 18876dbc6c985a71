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

from django.utils.translation import gettext as _

from allocations.awards.models import Award
from allocations.ledger.selectors import balances_of
from allocations.programme.models import AllocationRequest, Attachment, RunRow, TrackVersion
from allocations.projects.models import Project, ProjectMember, Sector
from portal.foundation.formats import hours
from portal.people.models import User

STRUCK = "▇▇▇"
TITLES = {"dr", "dr.", "prof", "prof.", "professor", "mr", "mr.", "ms", "ms.", "mrs", "mrs.", "engr", "engr."}
SHORTEST_NAME = 4  # A shorter part of a name is too often a word of its own.


@dataclass(frozen=True)
class Sheet:
    """A request as its reviewer reads it.

    Where the review is blind, `organisation` and `title` are empty, `prior_usage` is totals, and `abstract`
    is left out once the project has an award.
    """

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
    held = held_by(project) if blind else {}
    names = [*names_of(request), *held, *held.values()] if blind else persons_of(request)

    def clean(text: str) -> str:
        return strike(text, names)

    return Sheet(
        organisation="" if blind else project.organisation.name,
        title="" if blind else clean(project.title),
        sector=project.sector,
        data_class=project.get_data_class_display(),
        # The register shows the abstracts of projects with an award, and whose they are.
        abstract="" if held else clean(request.abstract),
        justification=clean(request.justification),
        prior_usage=_totals(held.values()) if blind else clean(request.prior_usage),
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


def held_by(project: Project) -> dict[str, str]:
    """What the project was given before: code of the award → code of the allocation."""
    awards = Award.objects.filter(allocation__project=project)
    return dict(awards.values_list("code", "allocation__code"))


def _totals(allocations: Iterable[str]) -> str:
    """What these allocations come to: without codes, sites and periods, which the register shows."""
    standing = balances_of(set(allocations)).values()
    if not standing:
        return ""
    return _("%(granted)s GPU-hours were granted before, %(used)s of them are used.") % {
        "granted": hours(sum(each.granted for each in standing)),
        "used": hours(sum(each.spent for each in standing)),
    }


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
