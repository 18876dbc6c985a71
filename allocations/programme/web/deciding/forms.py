"""What people type when they check, answer for a site, decide, or write in a request's thread."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Conflict, Decision, Message, RequestLine
from allocations.programme.services.grants import Grant
from allocations.programme.web.fields import DayField, GpuHoursField
from datacenters.models import Resource
from datacenters.selectors import open_resources
from portal.foundation import clock
from portal.foundation.units import hours_to_seconds, seconds_to_hours


def _text(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


class DecisionForm(forms.Form):
    """One person's word. Each line has its own GPU-hours and, where it may go elsewhere, its resource."""

    use_required_attribute = False  # What is needed depends on the outcome.

    # The submission that was read: a form sent late decides no other.
    round = forms.IntegerField(required=False, widget=forms.HiddenInput)
    outcome = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (Decision.Outcome.APPROVED, _("Approve, in full or in part")),
            (Decision.Outcome.RETURNED, _("Return with a question")),
            (Decision.Outcome.DECLINED, _("Decline")),
        ],
        widget=forms.RadioSelect,
    )
    starts_on = DayField(label=_("From"), required=False)
    ends_on = DayField(label=_("Until"), required=False)
    reason_code = forms.ChoiceField(
        label=_("Reason code"),
        required=False,
        choices=[("", _("As the outcome says")), *Decision.ReasonCode.choices],
        help_text=_("Published in the register of awards."),
    )
    reason = forms.CharField(
        label=_("Reason or question"),
        required=False,
        max_length=4000,
        widget=_text(4),
        help_text=_("The requester reads it. It may stay empty only for an approval in full."),
    )
    remedy = forms.CharField(
        label=_("What would have passed"),
        required=False,
        max_length=4000,
        widget=_text(2),
        help_text=_("For a decline: what the next request should do differently."),
    )
    conditions = forms.CharField(
        label=_("Conditions"),
        required=False,
        max_length=4000,
        widget=_text(2),
        help_text=_("For an approval: they stand on the award letter."),
    )
    wait = forms.BooleanField(
        label=_("Put what isn't free on the waiting list"),
        required=False,
        help_text=_("It is awarded by itself, in order, as GPU-hours come free."),
    )
    override = forms.BooleanField(
        label=_("Go beyond what is free of the resource"),
        required=False,
        help_text=_("Recorded with your name and the reason below."),
    )
    override_reason = forms.CharField(
        label=_("Why beyond what is free"), required=False, max_length=2000, widget=_text(2)
    )

    def __init__(
        self, *args: Any, request: AllocationRequest, proposal: Decision | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.lines = list(request.lines.all())
        resources = list(open_resources()) if self._may_move else []
        proposed = {line.line_id: line for line in proposal.lines.all()} if proposal else {}
        fields: dict[str, Any] = self.fields
        for number, line in enumerate(self.lines):
            given = proposed.get(line.pk)
            asked = given.gpu_seconds if given else 0 if proposal else line.gpu_seconds or 0
            fields[f"gpu_hours_{number}"] = GpuHoursField(
                label=_("Approved GPU-hours"),
                required=False,
                min_value=0,
                initial=f"{seconds_to_hours(asked).normalize():f}",
                help_text=_("At most what was asked for; 0 grants nothing of this line."),
            )
            if self._may_move:
                fields[f"resource_{number}"] = forms.ChoiceField(
                    label=_("Resource"),
                    choices=[(each.code, f"{each.site} · {each.name}") for each in resources],
                    initial=given.resource.code if given else line.target.code if line.target else None,
                    required=False,
                )
        self._resources = {resource.code: resource for resource in resources}
        first = next(iter(proposed.values()), None)
        starts_on = first.starts_on if first else request.starts_on
        fields["round"].initial = request.round
        fields["starts_on"].initial = max(starts_on or clock.today(), clock.today())
        fields["ends_on"].initial = first.ends_on if first else request.ends_on

    @property
    def _may_move(self) -> bool:
        return self.request.flexible or any(line.any_suitable for line in self.lines)

    def line_fields(self) -> Iterator[tuple[RequestLine, Any, Any]]:
        """Each line with its fields: GPU-hours, and the resource where it may be chosen."""
        for number, line in enumerate(self.lines):
            where = f"resource_{number}"
            yield line, self[f"gpu_hours_{number}"], self[where] if where in self.fields else None

    def typed(self) -> dict[str, Any]:
        """What was typed, as `request_decide` takes it."""
        data = dict(self.cleaned_data)
        kept = {
            name: data[name]
            for name in (
                "outcome",
                "reason",
                "reason_code",
                "remedy",
                "conditions",
                "wait",
                "override",
                "override_reason",
                "round",
            )
        }
        return kept | {"grants": self._grants(data) if data["outcome"] == "approved" else None}

    def _grants(self, data: dict[str, Any]) -> list[Grant]:
        grants = []
        for number, line in enumerate(self.lines):
            hours = data.get(f"gpu_hours_{number}")
            resource = self._chosen(data.get(f"resource_{number}"), line)
            if hours and resource:
                grants.append(
                    Grant(
                        line=line,
                        resource=resource,
                        gpu_seconds=hours_to_seconds(hours),
                        starts_on=data["starts_on"]
                        or max(self.request.starts_on or clock.today(), clock.today()),
                        ends_on=data["ends_on"] or self.request.ends_on or clock.today(),
                    )
                )
        return grants

    def _chosen(self, code: str | None, line: RequestLine) -> Resource | None:
        return self._resources.get(code or "") or line.target


def _meant(field: type[forms.Field] = forms.CharField) -> forms.Field:
    """What the form was opened for: sent along, so that it does nothing to what came after."""
    return field(required=False, widget=forms.HiddenInput)


class CheckForm(forms.Form):
    kind = _meant()
    round = _meant(forms.IntegerField)
    passed = forms.TypedChoiceField(
        label=_("Outcome"),
        choices=[("yes", _("It passes")), ("no", _("It doesn't pass"))],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=4000,
        widget=_text(4),
        help_text=_("Whoever decides reads it; so does the project. Needed where it doesn't pass."),
    )


class ConsentForm(forms.Form):
    round = _meant(forms.IntegerField)
    given = forms.TypedChoiceField(
        label=_("Answer"),
        choices=[("yes", _("The site takes it")), ("no", _("The site refuses"))],
        widget=forms.RadioSelect,
        coerce=lambda value: value == "yes",
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=2000,
        widget=_text(3),
        help_text=_(
            "Needed for a refusal, and for an answer in a silent site's place. Whoever decides reads it, "
            "and so does the project."
        ),
    )


class MessageForm(forms.Form):
    text = forms.CharField(label=_("Your message"), max_length=4000, widget=_text(3))
    audience = forms.ChoiceField(label=_("Who reads it"), choices=Message.Audience.choices)

    def __init__(self, *args: Any, internal: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not internal:
            del self.fields["audience"]


class ConflictForm(forms.Form):
    severity = forms.ChoiceField(
        label=_("How close"),
        choices=[
            (Conflict.Severity.REAL, _("Real: I or my family gain or lose by it")),
            (Conflict.Severity.APPARENT, _("Apparent: others may reasonably think so")),
            (Conflict.Severity.POTENTIAL, _("Potential: it may come to that; recorded only")),
        ],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(label=_("What it is"), max_length=2000, widget=_text(3))
