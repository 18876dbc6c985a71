"""The page on which a request is decided: what is asked, what it does to each resource, and the form."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import QuarterFigures, forecast, most_that_fits
from allocations.programme import services
from allocations.programme.models import AllocationRequest, Decision, RequestLine
from allocations.programme.services.consents import may_ask_more
from allocations.programme.services.decisions import persons_needed
from allocations.programme.standing import clock_of
from allocations.programme.web.deciding.forms import DecisionForm
from allocations.programme.web.deciding.rounds import AboutRound
from allocations.programme.web.views import find
from portal.foundation import clock


@dataclass(frozen=True)
class Effect:
    """What one line would do to the resource that it comes to."""

    line: RequestLine
    figures: list[QuarterFigures]
    most: int

    @property
    def fits(self) -> bool:
        return self.most >= (self.line.gpu_seconds or 0)


class RequestDecide(AboutRound):
    template_name = "programme/request_decide.html"
    form_class = DecisionForm
    title = _("Decide about a request")
    submit_label = _("Record the decision")

    def prepare(self) -> None:
        self.object = find(self, "decline")

    def form_options(self) -> dict[str, Any]:
        return {"request": self.object, "proposal": next(iter(self._words), None)}

    def page_context(self) -> dict[str, Any]:
        request = self.object
        effects = [effect for line in request.lines.all() if (effect := effect_of(request, line))]
        standing = clock_of(request)
        return {
            "effects": effects,
            "over": request.ends_on < clock.today(),
            "words": self._words,
            "needed": persons_needed(request),
            "clock": standing,
            "waits_for": _waits_for(request),
            "may_ask_site": may_ask_more(request),
            "lines": list(request.lines.all()),
            "impact_url": f"{request.get_absolute_url()}impact/",
            # Reviews are another room's, further up: known here by address alone.
            "reviews_url": f"{request.get_absolute_url()}reviews/",
            "has_reviews": standing is not None and any(step.kind == "review" for step in standing.steps),
        }

    def act(self, form: DecisionForm) -> AllocationRequest:
        decision = services.request_decide(actor=self.actor, request=self.object, **form.typed())
        return decision.request

    @property
    def _words(self) -> list[Decision]:
        """What others have said in this round already."""
        return [word for word in self.object.decisions.all() if word.round == self.object.round]


def effect_of(request: AllocationRequest, line: RequestLine) -> Effect | None:
    """None where the line has no resource yet, or its period is over."""
    starts_on = max(request.starts_on or clock.today(), clock.today())
    if line.target is None or request.ends_on is None or request.ends_on < starts_on:
        return None
    figures = forecast(
        resource=line.target,
        gpu_seconds=line.gpu_seconds or 0,
        starts_on=starts_on,
        ends_on=request.ends_on,
        by_quarter=line.by_quarter,
    )
    most = most_that_fits(figures, starts_on=starts_on, ends_on=request.ends_on)
    # To whole hundredths of an hour, the finest that can be typed.
    return Effect(line, figures, min(most, line.gpu_seconds or 0) // 36 * 36)


def _waits_for(request: AllocationRequest) -> Any:
    """The step before the decision that is still open, if any: until then only a decline or a return."""
    for step in request.steps.all():
        if step.round == request.round and step.state == "open" and step.kind != "decision":
            return step
    return None
