"""What the API shows and takes of a request's way through its track."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from allocations.programme.models import AllocationRequest, Conflict, Decision, Message
from allocations.programme.selectors import CHECKS
from allocations.programme.services.grants import Grant
from datacenters.models import Resource, Site
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.units import hours_to_seconds


class StepSerializer(serializers.Serializer[Any]):
    """One step: who is asked (by role), since when, until when, and how it ended."""

    kind = serializers.CharField()
    state = serializers.CharField()
    holder = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()
    is_overdue = serializers.BooleanField()


class ClockSerializer(serializers.Serializer[Any]):
    """The public clock: who holds the request, since when, and until when it should be decided."""

    track = serializers.CharField()
    round = serializers.IntegerField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    target_at = serializers.DateTimeField(allow_null=True)
    is_late = serializers.BooleanField()
    holder = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    steps = StepSerializer(many=True)


class SiteConsentSerializer(serializers.Serializer[Any]):
    """What a site says. `taken_over`: the programme answered, as the site stayed silent beyond its time."""

    site = serializers.CharField(source="site.code")
    round = serializers.IntegerField()
    state = serializers.CharField()
    due_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    taken_over = serializers.BooleanField()
    reason = serializers.CharField()


class GrantInput(serializers.Serializer[Any]):
    """What is granted of one line: lines count from 1, in the request's order."""

    line = serializers.IntegerField(min_value=1)
    gpu_hours = serializers.DecimalField(max_digits=11, decimal_places=2, min_value=0)
    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.select_related("site"), required=False, allow_null=True
    )


class DecisionInput(serializers.Serializer[Any]):
    """`gpu_hours` grants so much of the only line, `lines` so much of each.

    `round` is the submission that was read, if the sender knows: another isn't decided (409, `other_round`).
    `override` with its reason lets an approval go beyond what is free of a resource; `wait` puts what isn't
    free on the waiting list.
    """

    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    round = serializers.IntegerField(min_value=1, required=False)
    gpu_hours = serializers.DecimalField(
        max_digits=11, decimal_places=2, min_value=0, required=False, allow_null=True
    )
    lines = GrantInput(many=True, required=False)
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    reason_code = serializers.ChoiceField(
        choices=Decision.ReasonCode.choices, required=False, allow_blank=True
    )
    remedy = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    conditions = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    wait = serializers.BooleanField(required=False)
    override = serializers.BooleanField(required=False)
    override_reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)

    def typed(self, request: AllocationRequest) -> dict[str, Any]:
        """What was sent, as `request_decide` takes it. Raises InvalidInput for a line that isn't there."""
        data = dict(self.validated_data)
        lines, starts_on, ends_on = (data.pop(name, None) for name in ("lines", "starts_on", "ends_on"))
        if lines is None:
            return data
        of_request = list(request.lines.all())
        data["grants"] = []
        for sent in lines:
            if sent["line"] > len(of_request):
                raise InvalidInput(_("The request has no such line."), field="lines")
            line = of_request[sent["line"] - 1]
            resource = sent.get("resource") or line.target
            if resource is None:
                raise InvalidInput(
                    _("No resource is chosen for a line."), field="resource", remedy=_("Choose one.")
                )
            if sent["gpu_hours"]:
                data["grants"].append(
                    Grant(
                        line=line,
                        resource=resource,
                        gpu_seconds=hours_to_seconds(sent["gpu_hours"]),
                        starts_on=starts_on or max(request.starts_on or clock.today(), clock.today()),
                        ends_on=ends_on or request.ends_on or clock.today(),
                    )
                )
        return data


class CheckInput(serializers.Serializer[Any]):
    """`kind` is the step that is meant, as the clock names it: if another is open by now, nothing is done."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in CHECKS])
    round = serializers.IntegerField(min_value=1, required=False)
    passed = serializers.BooleanField()
    note = serializers.CharField(required=False, allow_blank=True, max_length=4000)


class ConsentInput(serializers.Serializer[Any]):
    """`site` is a site's code; `round` the submission that is answered, if the sender knows."""

    site = serializers.CharField()
    round = serializers.IntegerField(min_value=1, required=False)
    given = serializers.BooleanField()
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class AskSiteInput(serializers.Serializer[Any]):
    """`site` is the code of a site that wasn't asked yet."""

    site = serializers.SlugRelatedField(slug_field="code", queryset=Site.objects.filter(is_open=True))


class ConflictInput(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=Conflict.Severity.choices)
    note = serializers.CharField(max_length=2000)


class MessageInput(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=4000)
    audience = serializers.ChoiceField(choices=Message.Audience.choices, required=False)


class MessageSerializer(serializers.ModelSerializer[Message]):
    author = serializers.CharField(source="author.name")

    class Meta:
        model = Message
        fields = ["code", "author", "audience", "text", "created_at"]
        read_only_fields = fields


class LeaveWaitingListInput(serializers.Serializer[Any]):
    entry = serializers.CharField(help_text="Code of the place on the waiting list.")
