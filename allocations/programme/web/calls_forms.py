"""What is typed to write a call, to give it documents and a budget, and to decide about its requests."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Call, CallDocument, Decision, Rubric, Track
from allocations.programme.services.bulk import Outcome
from allocations.programme.web.fields import DayField, GpuHoursField, text_area, urdu_line
from datacenters.models import Resource
from portal.foundation.units import seconds_to_hours


def _moment(**options: Any) -> forms.DateTimeField:
    """A day and time of Pakistan, by the browser's own picker."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(widget=widget, help_text=_("In Pakistan's time."), **options)


class CallForm(forms.Form):
    track = forms.ModelChoiceField(
        label=_("Track"), queryset=Track.objects.order_by("position", "code"), to_field_name="code"
    )
    title_en = forms.CharField(label=_("Title (English)"), max_length=160)
    title_ur = forms.CharField(label=_("Title (Urdu)"), max_length=160, widget=urdu_line())
    text_en = forms.CharField(label=_("Text (English)"), max_length=8000, widget=text_area(8))
    text_ur = forms.CharField(label=_("Text (Urdu)"), max_length=8000, widget=text_area(8), required=False)
    opens_at = _moment(label=_("Opens"))
    closes_at = _moment(label=_("Cut-off"))
    decided_by_on = DayField(label=_("Decisions until"))
    rubric = forms.ModelChoiceField(
        label=_("Rubric"),
        queryset=Rubric.objects.all(),
        to_field_name="code",
        required=False,
        empty_label=_("That of the track"),
    )


def initial_of(call: Call) -> dict[str, Any]:
    """A call as the form shows it."""
    names = ("title_en", "title_ur", "text_en", "text_ur", "opens_at", "closes_at", "decided_by_on")
    found = {name: getattr(call, name) for name in names}
    return found | {"track": call.track.code, "rubric": call.rubric.code if call.rubric else ""}


class DocumentForm(forms.Form):
    title = forms.CharField(
        label=_("Title"),
        max_length=CallDocument._meta.get_field("title").max_length,
        required=False,
        help_text=_("Empty: the file's name."),
    )
    file = forms.FileField(label=_("File"), help_text=_("A PDF of at most 10 MB."))


class BudgetForm(forms.Form):
    resource = forms.ModelChoiceField(
        label=_("Resource"),
        queryset=Resource.objects.select_related("site").order_by("site__name", "name"),
        to_field_name="code",
    )
    gpu_hours = GpuHoursField(
        min_value=0, help_text=_("What this call's awards there may come to. 0: no bound.")
    )


class RowForm(forms.Form):
    """One request's row; without an outcome it stays pending."""

    use_required_attribute = False

    # The submission that was read: a row sent late decides no other.
    round = forms.IntegerField(required=False, widget=forms.HiddenInput)
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            ("", _("Not yet")),
            (Decision.Outcome.APPROVED, _("Approve")),
            (Decision.Outcome.DECLINED, _("Decline")),
            (Decision.Outcome.RETURNED, _("Return")),
        ],
        required=False,
    )
    gpu_hours = GpuHoursField(required=False)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 1, "dir": "auto"}),
    )

    def __init__(self, data: Any = None, *, request: AllocationRequest) -> None:
        self.request = request
        self.asked = _proposed(request) or request.gpu_seconds
        self.is_single = len(request.lines.all()) == 1
        hours = f"{seconds_to_hours(self.asked).normalize():f}"
        super().__init__(data, prefix=request.code, initial={"gpu_hours": hours, "round": request.round})
        if not self.is_single:
            del self.fields["gpu_hours"]

    @property
    def decides(self) -> bool:
        return bool(self.is_bound and self["outcome"].value())

    def typed(self) -> dict[str, Any]:
        """As `call_decide` takes it; with several lines each is granted as it was asked for."""
        return {"gpu_hours": None, **self.cleaned_data}


class DecideForm:
    """All rows of a call that wait for this decider."""

    def __init__(self, requests: Iterable[AllocationRequest], data: Any = None) -> None:
        self.rows = [RowForm(data, request=request) for request in requests]

    @property
    def decided(self) -> dict[str, dict[str, Any]]:
        """Code → what was typed, of the rows that can be read. A row that can't says itself what is amiss."""
        return {row.request.code: row.typed() for row in self.rows if row.decides and row.is_valid()}

    @property
    def has_errors(self) -> bool:
        return any(row.decides and row.errors for row in self.rows)

    def tell(self, outcomes: Iterable[Outcome]) -> None:
        """Put each refusal beside its row."""
        rows = {row.request.code: row for row in self.rows}
        for outcome in outcomes:
            if outcome.error is not None and (row := rows.get(outcome.code)):
                field = outcome.error.field if outcome.error.field in row.fields else None
                row.add_error(field, outcome.error.text)


def _proposed(request: AllocationRequest) -> int:
    """GPU-seconds that a first person proposed in this round, for the next one to confirm."""
    words = [word for word in request.decisions.all() if word.round == request.round]
    return sum(line.gpu_seconds for word in words[:1] for line in word.lines.all())
