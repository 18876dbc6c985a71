"""Deciding about the requests of a call together."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from allocations.programme import services
from allocations.programme.models import AllocationRequest, Call, RequestStep
from allocations.programme.policies import barring, seat_in
from allocations.programme.selectors import calls_visible_to, pending_for, with_decisions
from allocations.programme.web.calls_forms import DecideForm
from portal.foundation.policies import require

MOST = 100


class CallDecide(LoginRequiredMixin, View):
    """One table, one submit: each row stands or falls by itself. What is decided leaves the table."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        call = self._call()
        return self._show(call, DecideForm(self._pending(call)))

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        call = self._call()
        form = DecideForm(self._pending(call), request.POST)
        rows = form.decided
        outcomes = services.call_decide(actor=self.actor, call=call, rows=rows) if rows else []
        done = {outcome.code for outcome in outcomes if outcome.error is None}
        form.tell(outcomes)
        if done:
            told = ngettext("%(count)s decision is recorded.", "%(count)s decisions are recorded.", len(done))
            messages.success(request, told % {"count": len(done)})
        if not form.has_errors:
            if not done:
                messages.info(request, _("Nothing was decided: choose a decision in a row."))
            return redirect("call_decide", call.code)
        form.rows = [row for row in form.rows if row.request.code not in done]
        return self._show(call, form, status=422)

    @property
    def actor(self) -> Any:
        return self.request.user

    def _call(self) -> Call:
        call = get_object_or_404(
            calls_visible_to(self.actor).prefetch_related(None), code=self.kwargs["code"]
        )
        require(
            self.actor,
            "programme.decide_requests",
            message=_("Only programme admins and the council decide about requests."),
        )
        return call

    def _pending(self, call: Call) -> list[AllocationRequest]:
        """Those that this person may decide about now, the oldest first."""
        found = with_decisions(pending_for(self.actor)).filter(call=call)
        steps = Prefetch("steps", RequestStep.objects.select_related("step"))
        found = found.prefetch_related(steps, "conflicts", "project__members", *barring())
        return [request for request in found[:MOST] if seat_in(self.actor, request)]

    def _show(self, call: Call, form: DecideForm, status: int = 200) -> HttpResponse:
        page = {"object": call, "form": form, "title": _("Decide together")}
        return render(self.request, "programme/call_decide.html", page, status=status)
