"""How awards are decided, for everybody; and its changes, for programme admins."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from allocations.programme import services
from allocations.programme.models import Criterion, Rubric, Track, TrackStep, TrackVersion
from allocations.programme.selectors import rubrics_visible_to, tracks_visible_to
from allocations.programme.tracks import promise
from allocations.programme.web.tracks_forms import (
    RubricForm,
    TrackForm,
    TrackOpenForm,
    initial_of,
)
from allocations.programme.web.tracks_shown import Difference, compared, history_of, rules_of, steps_of
from portal.foundation.policies import allowed, require
from portal.foundation.web import FormPage


class TrackList(TemplateView):
    """Each track with who decides, how long it takes and by what it is judged."""

    template_name = "programme/track_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tracks = tracks_visible_to(self.request.user).prefetch_related("versions__steps", "versions__rubric")
        rows = [(track, version) for track in tracks if (version := next(iter(track.versions.all()), None))]
        return super().get_context_data(**kwargs) | {
            "title": _("How awards are decided"),
            "rows": [
                (track, version, promise(version), steps_of(version.steps.all())) for track, version in rows
            ],
            "may_change": may_administer(self.request.user),
        }


class TrackPage(TemplateView):
    """One track: its rules and steps now, and every version before."""

    template_name = "programme/track_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        track = get_object_or_404(tracks_visible_to(self.request.user), code=self.kwargs["code"])
        history = history_of(track)
        return super().get_context_data(**kwargs) | {
            "object": track,
            "history": history,
            "now": history[0] if history else None,
            "promise": promise(history[0].version) if history else None,
            "calls": track.calls.filter(published_at__isnull=False)[:5],
            "may_change": may_administer(self.request.user),
        }


class Administering(FormPage):
    """A form for programme admins."""

    @property
    def actor(self) -> Any:
        return self.request.user

    def prepare(self) -> None:
        require(self.request.user, "programme.administer")


class TrackAct(Administering):
    object: Track

    def prepare(self) -> None:
        super().prepare()
        self.object = get_object_or_404(tracks_visible_to(self.request.user), code=self.kwargs["code"])
        self.version = self.object.versions.select_related("rubric").order_by("-number").first()


class TrackEdit(TrackAct):
    """Rules and steps of the next version, compared with the one in force before it is saved."""

    template_name = "programme/track_form.html"
    form_class = TrackForm
    title = gettext_lazy("Change the track")
    submit_label = gettext_lazy("Put in force")

    def form_options(self) -> dict[str, Any]:
        return {"version": self.version or TrackVersion(track=self.object)}

    def get_initial(self) -> dict[str, Any]:
        return initial_of(self.version or TrackVersion(track=self.object, number=0))

    def page_context(self) -> dict[str, Any]:
        rules = rules_of(self.version) if self.version else {}
        return {"in_force": rules, "version": self.version}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "compare" not in request.POST:
            return super().post(request, *args, **kwargs)
        form = TrackForm(request.POST, initial=self.get_initial(), **self.form_options())
        if not form.is_valid():
            return self.show(form, status=422)
        self.differences = self._compared(form)
        return self.show(form)

    def show(self, form: Any, status: int = 200) -> HttpResponse:
        form.differences = getattr(self, "differences", None)
        return super().show(form, status)

    def _compared(self, form: TrackForm) -> list[Difference]:
        if self.version is None:
            return []
        after = TrackVersion(track=self.object, rubric=form.cleaned_data["rubric"], **form.rules)
        steps = [TrackStep(**step) for step in form.typed_steps]
        return compared(self.version, self.version.steps.all(), after, steps)

    def act(self, form: TrackForm) -> Track:
        made = services.track_change(
            actor=self.actor,
            track=self.object,
            rules=form.rules,
            steps=form.typed_steps,
            note=form.cleaned_data["note"],
            rubric=form.cleaned_data["rubric"],
            after=form.cleaned_data["number"],
        )
        messages.success(self.request, _("Version %(number)s is in force.") % {"number": made.number})
        return self.object


class TrackOpen(TrackAct):
    """Close an open track, or open a closed one."""

    form_class = TrackOpenForm

    def page_context(self) -> dict[str, Any]:
        is_open = self.object.is_open
        return {
            "title": _("Close the track") if is_open else _("Open the track"),
            "submit_label": _("Close it") if is_open else _("Open it"),
            "lede": _("What is under way goes on."),
            "crumbs": [
                {"label": _("How awards are decided"), "href": reverse("tracks")},
                {"label": self.object, "href": self.object.get_absolute_url()},
            ],
        }

    def act(self, form: TrackOpenForm) -> Track:
        return services.track_set_open(
            actor=self.actor,
            track=self.object,
            is_open=not self.object.is_open,
            reason=form.cleaned_data["reason"],
        )


class RubricPage(TemplateView):
    """By what reviewers judge."""

    template_name = "programme/rubric_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rubric = get_object_or_404(rubrics_visible_to(self.request.user), code=self.kwargs["code"])
        page = {"object": rubric, "criteria": rubric.criteria.all()}
        return super().get_context_data(**kwargs) | page


class RubricNew(Administering):
    """A new rubric, begun from the latest: rubrics never change, so that scores stay comparable."""

    template_name = "programme/rubric_form.html"
    form_class = RubricForm
    title = gettext_lazy("New rubric")
    submit_label = gettext_lazy("Make the rubric")

    def form_options(self) -> dict[str, Any]:
        latest = Rubric.objects.order_by("-id").first()
        fields = ("code", "weight", "name_en", "name_ur", "help_en", "help_ur")
        criteria: Any = Criterion.objects.filter(rubric=latest).values(*fields)
        return {"criteria": list(criteria)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "more_criteria" not in request.POST:
            return super().post(request, *args, **kwargs)
        sent = RubricForm(request.POST, criteria=[])
        return self.show(RubricForm(initial=request.POST.dict(), criteria=sent.criteria.typed()))

    def act(self, form: RubricForm) -> Rubric:
        return services.rubric_create(
            actor=self.actor,
            name_en=form.cleaned_data["name_en"],
            name_ur=form.cleaned_data["name_ur"],
            criteria=form.typed,
        )


def may_administer(user: Any) -> bool:
    return user.is_authenticated and allowed(user, "programme.administer")
