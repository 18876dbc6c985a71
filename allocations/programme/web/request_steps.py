"""The form of a request, step by step; each step is kept as a draft, by a button or by itself.

A step knows what stood on the server when it was shown (`seen`, by facts). What changed meanwhile, in another
tab or by another manager, is never overwritten unasked. `static/js/draft.js` keeps what is typed on the
device and sends it here with the header `X-Draft`; without it each button does the same.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import coming_quarters, open_capacity
from allocations.programme import choices, services
from allocations.programme.models import AllocationRequest
from allocations.programme.services.merging import KNOWN_SAVES, Newer, Save, marks, standing
from allocations.programme.tracks import promise, track_for
from allocations.programme.web.request_forms import (
    AmountsForm,
    DraftForm,
    PapersForm,
    PurposeForm,
    RunningForm,
)
from allocations.programme.web.views import RequestAct, find
from datacenters.selectors import sites_visible_to
from portal.foundation.errors import DomainError, NotAllowed
from portal.foundation.units import seconds_to_hours
from portal.foundation.web import SAVE_NAME, name_of_save

STEPS: tuple[tuple[str, Any], ...] = (  # name of the address, title
    ("request_edit", _("Project and purpose")),
    ("request_amounts", _("Amounts")),
    ("request_running", _("How it runs")),
    ("request_papers", _("Attachments and declarations")),
    ("request_submit", _("Check and submit")),
)
# The step at which what is wrong is put right.
STEP_OF = {
    **dict.fromkeys(
        ("resource", "gpu_hours", "lines", "by_quarter", "runs", "starts_on", "ends_on"), "request_amounts"
    ),
    **dict.fromkeys(("checkpointing", "deadline_on"), "request_running"),
    **dict.fromkeys(("ai_risk", "ai_risk_note", "file"), "request_papers"),
}
ROW = ("model", "gpus", "hours", "runs")


class StepPage(RequestAct):
    """One step of the form."""

    form_class: ClassVar[type[DraftForm]]
    place: ClassVar[str]
    submit_label = _("Save and continue")
    told_of_newer = False

    def prepare(self) -> None:
        self.object = find(self, "edit")

    def stored(self) -> dict[str, Any]:
        """What the server holds of this step, as the form shows it."""
        raise NotImplementedError

    def suggested(self) -> dict[str, Any]:
        """What the system fills in where nothing is written yet."""
        return {}

    def get_initial(self) -> dict[str, Any]:
        stored = self.stored()
        return stored | {name: value for name, value in self.suggested().items() if not stored[name]}

    def form_options(self) -> dict[str, Any]:
        return {"user": self.actor, "request": self.object}

    @property
    def seen(self) -> dict[str, str]:
        """Marks of what the server holds of this step, by facts."""
        return standing(self.object, self.stored())

    def page_context(self) -> dict[str, Any]:
        version = track_for(self.object)
        return {
            "title": dict(STEPS)[self.place],
            "steps": steps_of(self.object, self.place),
            "promise": promise(version) if version else None,
            "seen": json.dumps(self.seen),
            "told_of_newer": self.told_of_newer,
            "draft": f"{self.object.code}/{self.place}",
            "parts": self.template_of_fields,
        }

    template_name = "programme/request_form.html"

    @property
    def template_of_fields(self) -> str:
        return f"programme/_{self.place}.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "X-Draft" in request.headers:
            return self.keep()
        return super().post(request, *args, **kwargs)

    def act(self, form: DraftForm) -> str:
        self.write(form.changes())
        if "close" in self.request.POST:
            return self.object.get_absolute_url()
        places = [name for name, _title in STEPS]
        return reverse(places[places.index(self.place) + 1], args=[self.object.code])

    def write(self, changes: dict[str, Any], *, by_itself: bool = False) -> None:
        """Keep what was typed. Raises Newer, and whatever the service refuses."""
        save = _save(self.request.POST)
        untouched = self._untouched(changes, save.base or {}, by_itself=by_itself)
        changes = {name: value for name, value in changes.items() if name not in untouched}
        try:
            self.object = services.draft_save(
                actor=self.actor, request=self.object, place=self.place, changes=changes, save=save
            )
        except Newer:
            self.told_of_newer = True
            self.prepare()  # as it stands now
            raise

    def _untouched(self, changes: dict[str, Any], base: Mapping[str, str], *, by_itself: bool) -> set[str]:
        """What was filled in for the person and left so. It is theirs once they press a button, if nobody
        wrote anything else there meanwhile; what the script sends by itself leaves it a suggestion."""
        nothing, stored = marks({"": ""})[""], self.stored()
        return {
            name
            for name, suggestion in self.suggested().items()
            # Browsers send other line ends than they were given.
            if base.get(name) == nothing and str(changes.get(name, "")).split() == suggestion.split()
            if by_itself or stored[name]
        }

    def keep(self) -> JsonResponse:
        """What the script sends by itself: everything that can be kept is, the rest stays on the device."""
        if self.request.POST.get("owner", self.actor.code) != self.actor.code:
            raise NotAllowed(_("This was typed by somebody else, who has signed out."))
        form = self.form_class(self.request.POST, initial=self.get_initial(), **self.form_options())
        form.is_valid()
        changes = form.changes()
        try:
            self.write(changes, by_itself=True)
        except Newer as error:
            told = {"seen": self.seen, "newer": error.names, "message": error.text}
            return JsonResponse(told, status=error.status)
        except DomainError as error:
            return JsonResponse({"kept": [], "seen": {}, "message": error.text})
        at = time_format(timezone.localtime(), "H:i")
        message = "" if form.is_valid() else gettext("Some fields can't be saved yet.")
        # What was left to others' words has no mark here: the page shows something else.
        sent = marks(changes)
        seen = {name: mark for name, mark in self.seen.items() if sent.get(name) == mark}
        return JsonResponse({"kept": list(changes), "seen": seen, "at": at, "message": message})


class PurposeStep(StepPage):
    place = "request_edit"
    form_class = PurposeForm

    def stored(self) -> dict[str, Any]:
        request: AllocationRequest = self.object
        return {
            "project": request.project.code,
            "wanted_track": request.wanted_track.code if request.wanted_track else "",
            "call": request.call.code if request.call else "",
            "renews": request.renews.code if request.renews else "",
            **{
                name: getattr(request, name)
                for name in ("justification", "public_abstract", "abstract_withheld", "withheld_reason")
            },
        }

    def suggested(self) -> dict[str, Any]:
        return {"public_abstract": self.object.project.abstract}


class AmountsStep(StepPage):
    place = "request_amounts"
    form_class = AmountsForm

    def stored(self) -> dict[str, Any]:
        request: AllocationRequest = self.object
        return {
            "starts_on": request.starts_on,
            "ends_on": request.ends_on,
            "prior_usage": request.prior_usage,
            "lines": [
                {
                    "where": "any" if line.any_suitable else line.resource.code if line.resource else "",
                    "gpu_hours": in_hours(line.gpu_seconds),
                    **{f"in_{quarter}": in_hours(amount) for quarter, amount in line.by_quarter.items()},
                }
                for line in request.lines.all()
                if line.resource or line.any_suitable or line.gpu_seconds or line.by_quarter
            ],
            "runs": [
                {
                    "model": run.model,
                    "gpus": run.gpus,
                    "hours": f"{run.hours.normalize():f}",
                    "runs": run.runs,
                    "basis": run.basis,
                }
                for run in request.runs.all()
            ],
        }

    def suggested(self) -> dict[str, Any]:
        return {"prior_usage": choices.prior_usage_of(self.object.project)}

    def form_options(self) -> dict[str, Any]:
        stored = self.stored()
        return super().form_options() | {"lines": stored["lines"], "runs": stored["runs"] + self._carried()}

    def _carried(self) -> list[dict[str, Any]]:
        """The row that the estimator sends along."""
        asked = self.request.GET
        return [{name: asked.get(name, "") for name in ROW}] if "model" in asked else []

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "more_lines" in request.POST or "more_runs" in request.POST:
            return self.show(self._longer())
        return super().post(request, *args, **kwargs)

    def _longer(self) -> AmountsForm:
        """The form with what was typed, unjudged, and an empty row more."""
        sent = AmountsForm(self.request.POST, **self.form_options())
        options = super().form_options() | {"lines": sent.lines.typed(), "runs": sent.runs.typed()}
        return AmountsForm(initial=self.request.POST.dict(), **options)

    def page_context(self) -> dict[str, Any]:
        request: AllocationRequest = self.object
        return super().page_context() | {
            "asked_for": request.gpu_seconds,
            "run_table": sum(run.gpu_seconds for run in request.runs.all()),
            **free_capacity(),
            "estimate_url": f"{reverse('estimate')}?{urlencode({'request': request.code, **self._gpu()})}",
        }

    def _gpu(self) -> dict[str, str]:
        chosen = next((line.resource for line in self.object.lines.all() if line.resource), None)
        return {"resource": chosen.code} if chosen else {}


class RunningStep(StepPage):
    place = "request_running"
    form_class = RunningForm

    def stored(self) -> dict[str, Any]:
        names = ("checkpointing", "deadline_on", "deadline_note", "flexible")
        return {name: getattr(self.object, name) for name in names}

    def page_context(self) -> dict[str, Any]:
        request: AllocationRequest = self.object
        asked = {line.resource.site_id for line in request.lines.all() if line.resource}
        data_class = request.project.data_class
        return super().page_context() | {
            "holders": [
                {"site": site, "holds": site.holds(data_class), "asked": site.pk in asked}
                for site in sites_visible_to(self.actor)
                if site.is_open
            ]
        }


class PapersStep(StepPage):
    place = "request_papers"
    form_class = PapersForm

    def stored(self) -> dict[str, Any]:
        return {name: getattr(self.object, name) for name in ("ai_risk", "ai_risk_note")}

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {
            "attachments": self.object.attachments.filter(removed_at__isnull=True)
        }

    def act(self, form: Any) -> str:
        sent = self.request.POST
        on = super().act(form)
        here = reverse(self.place, args=[self.object.code])
        if gone := sent.get("remove"):
            attachment = self.object.attachments.filter(code=gone, removed_at__isnull=True).first()
            if attachment:
                services.attachment_remove(actor=self.actor, attachment=attachment)
            return here
        if form.cleaned_data.get("file") or "attach" in sent:
            services.attachment_add(
                actor=self.actor,
                request=self.object,
                title=form.cleaned_data["title"],
                upload=form.cleaned_data.get("file"),
                anonymous=form.cleaned_data["anonymous"],
            )
        return here if "attach" in sent else on


def _save(sent: Mapping[str, str]) -> Save:
    """What the page says of this save and of earlier ones."""
    unanswered = [name for name in sent.get("sent", "").split() if SAVE_NAME.fullmatch(name)]
    return Save(name_of_save(sent), _marks(sent.get("seen")), unanswered[-KNOWN_SAVES:])


def _marks(seen: str | None) -> dict[str, str] | None:
    """What the page said of its beginnings; None where it said nothing that can be read."""
    try:
        found = json.loads(seen or "")
    except (ValueError, RecursionError):
        return None
    return {str(name): str(mark) for name, mark in found.items()} if isinstance(found, dict) else None


def steps_of(request: AllocationRequest, place: str) -> list[dict[str, Any]]:
    """The steps as tabs."""
    return [
        {
            "label": f"{number}. {title}",
            "url": reverse(name, args=[request.code]),
            "current": name == place,
        }
        for number, (name, title) in enumerate(STEPS, start=1)
    ]


def free_capacity() -> dict[str, Any]:
    """What is free of each resource, for the page."""
    quarters = coming_quarters()
    return {"quarters": quarters, "open_capacity": open_capacity(quarters)}


def in_hours(gpu_seconds: int | None) -> str:
    return f"{seconds_to_hours(gpu_seconds).normalize():f}" if gpu_seconds else ""
