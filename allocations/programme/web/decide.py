"""The page on which a request is decided: what is asked, what it does to the resource, and the form."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import QuarterFigures, forecast, most_that_fits
from allocations.awards.selectors import others_of, with_balances
from allocations.programme import services
from allocations.programme.models import AllocationRequest
from allocations.programme.web.forms import DecisionForm
from allocations.programme.web.views import RequestAct, find
from portal.foundation import clock
from portal.foundation.units import seconds_to_hours

SHOWN = 20


class RequestDecide(RequestAct):
    template_name = "programme/request_decide.html"
    form_class = DecisionForm
    title = _("Decide about a request")
    submit_label = _("Record the decision")

    def prepare(self) -> None:
        self.object = find(self, "approve")

    def get_initial(self) -> dict[str, Any]:
        return {"gpu_hours": f"{seconds_to_hours(self._line.gpu_seconds).normalize():f}"}

    def page_context(self) -> dict[str, Any]:
        request = self.object
        starts_on = max(request.starts_on, clock.today())
        figures: list[QuarterFigures] = []
        if request.ends_on >= starts_on:
            figures = forecast(
                resource=self._line.resource,
                gpu_seconds=self._line.gpu_seconds,
                starts_on=starts_on,
                ends_on=request.ends_on,
            )
        most = most_that_fits(figures, starts_on=starts_on, ends_on=request.ends_on) if figures else 0
        others = list(others_of(request.project)[: SHOWN + 1])
        return {
            "line": self._line,
            "figures": figures,
            "starts_on": starts_on,
            "fits": most >= self._line.gpu_seconds,
            # To whole hundredths of an hour, the finest that can be typed.
            "most": min(most, self._line.gpu_seconds) // 36 * 36,
            "others": with_balances(others[:SHOWN]),
            "more_others": len(others) > SHOWN,
        }

    def act(self, form: DecisionForm) -> AllocationRequest:
        decision = services.request_decide(actor=self.actor, request=self.object, **form.cleaned_data)
        return decision.request

    @property
    def _line(self) -> Any:
        return self.object.lines.all()[0]
