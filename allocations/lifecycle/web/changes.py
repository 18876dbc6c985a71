"""Pages of changes: the four verbs, the history of an allocation, what waits for a decision."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import QuarterFigures, forecast
from allocations.awards.history import events
from allocations.awards.models import Allocation
from allocations.awards.selectors import visible_to as visible_allocations
from allocations.awards.transitions import ENDED
from allocations.ledger.selectors import balances, withheld_of
from allocations.lifecycle import selectors, services
from allocations.lifecycle.filtersets import ChangeFilters
from allocations.lifecycle.models import ChangeKind, ChangeRequest
from allocations.lifecycle.policies import actions_for
from allocations.lifecycle.services.appeals import is_appealable, last_day_to_appeal
from allocations.lifecycle.transitions import ChangeState
from allocations.lifecycle.web.forms import (
    ChangeDecisionForm,
    GiveBackForm,
    LongerForm,
    MoreForm,
    MoveForm,
)
from portal.foundation import clock
from portal.foundation.policies import allowed, require
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import ActionView, DetailPage, FormPage, ListPage, Page

SHOWN = 50
# An allocation with fewer days left than this is said to end soon where more is asked for.
SOON_DAYS = 14
TITLES = {
    "change_request": _("Asked for"),
    "change_propose": _("Approved by one of two persons"),
    "change_approve": _("Approved"),
    "change_carry_out": _("Done"),
    "change_decline": _("Declined"),
    "change_withdraw": _("Withdrawn"),
    "change_lapse": _("Lapsed: the allocation has ended"),
    "change_reopen": _("Reopened after an appeal"),
}
# What becomes of an allocation without a project asking: listed with its changes.
OF_ALLOCATION = {
    "allocation_adjust": _("Adjusted"),
    "allocation_suspend": _("Suspended"),
    "allocation_resume": _("Resumed"),
    "allocation_revoke": _("Revoked"),
    "allocation_supplement": _("Supplement"),
    "allocation_extend": _("Extension"),
    "allocation_move_out": _("GPU-hours moved away"),
    "allocation_move_in": _("GPU-hours moved here"),
    "allocation_give_back": _("Given back"),
    "allocation_instalment": _("Instalment released"),
    "allocation_expire": _("Expired"),
}


class ChangeList(ListPage):
    title = _("Changes")
    template_name = "lifecycle/change_list.html"
    selector = selectors.changes_visible_to
    filterset_class = ChangeFilters


class Pending(Page):
    """Changes, reports and appeals that wait for this person, oldest first."""

    title = _("Changes to decide")
    template_name = "lifecycle/pending.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        viewer = self.request.user
        require(
            viewer,
            "lifecycle.decide_changes",
            message=_("Only programme admins and the council decide about changes."),
        )
        return super().get_context_data(
            changes=selectors.changes_pending_for(viewer)[:SHOWN],
            reports=selectors.reports_to_answer(viewer)[:SHOWN],
            appeals=selectors.appeals_pending_for(viewer).prefetch_related(None)[:SHOWN],
            counts=selectors.pending_counts(viewer),
            **kwargs,
        )


class ChangePage(DetailPage):
    template_name = "lifecycle/change_detail.html"
    selector = selectors.changes_detailed

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        change: ChangeRequest = page["object"]
        may_appeal = (
            change.state == ChangeState.DECLINED
            and allowed(self.request.user, "lifecycle.file_appeal", change)
            and is_appealable(change)
            and clock.today() <= last_day_to_appeal(change)
        )
        return page | {
            "actions": actions_for(self.request.user, change),
            "words": list(change.decisions.all()),
            "events": events(change, TITLES),
            "appeal_until": last_day_to_appeal(change) if may_appeal else None,
        }


class AllocationChanges(DetailPage):
    """The history of an allocation; to htmx only the panel on the allocation's own page."""

    template_name = "lifecycle/allocation_changes.html"
    selector = visible_allocations

    def get_template_names(self) -> list[str]:
        htmx: Any = self.request.htmx  # type: ignore[attr-defined]
        return ["lifecycle/_panel.html"] if htmx else super().get_template_names()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        allocation: Allocation = page["object"]
        viewer = self.request.user
        leads = allowed(viewer, "lifecycle.ask_change", allocation)
        return page | {
            "may_ask": leads and allocation.state not in ENDED and allocation.ends_on >= clock.today(),
            "changes": selectors.changes_visible_to(viewer).filter(allocation=allocation)[:SHOWN],
            "reports": selectors.reports_visible_to(viewer).filter(allocation=allocation),
            "renewals": allocation.renewals.all() if leads else [],
            "withheld": withheld_of([allocation.code])[allocation.code],
            "events": events(allocation, OF_ALLOCATION),
        }


class Ask(FormPage):
    """One of the four verbs about an allocation."""

    template_name = "lifecycle/change_ask.html"
    verb = ""
    lede: Any = ""
    submit_label = _("Ask for it")

    def prepare(self) -> None:
        self.object = get_object_or_404(visible_allocations(self.request.user), code=self.kwargs["code"])
        require(
            self.request.user,
            "lifecycle.ask_change",
            self.object,
            message=_("Only a project's principal investigator and managers ask for changes."),
        )

    def page_context(self) -> dict[str, Any]:
        code = self.object.code
        days_left = (self.object.ends_on - clock.today()).days
        return {
            "lede": self.lede,
            "balance": balances(code),
            "withheld": withheld_of([code])[code],
            "ends_soon": self.verb == "more" and days_left < SOON_DAYS,
        }

    def act(self, form: Any) -> Any:
        typed = dict(form.cleaned_data)
        gpu_hours = typed.pop("gpu_hours", None)
        change = services.change_ask(
            actor=self.request.user,  # type: ignore[arg-type]
            allocation=self.object,
            verb=self.verb,
            gpu_seconds=None if gpu_hours is None else hours_to_seconds(gpu_hours),
            **typed,
        )
        messages.success(self.request, self.told(change))
        return change

    @staticmethod
    def told(change: ChangeRequest) -> str:
        if change.state == ChangeState.REQUESTED:
            return gettext("It is asked for. You will be told of the decision.")
        return gettext("Done. The site's limit follows within a minute.")


class AskMore(Ask):
    title = _("More GPU-hours")
    form_class = MoreForm
    verb = "more"
    lede = _(
        "A supplement for the rest of the period. Up to a quarter of the award, and as much as an Explore "
        "request, is granted at once where it is free; people decide about more."
    )

    def page_context(self) -> dict[str, Any]:
        """With what the track leaves, and where a request begins for what goes beyond it."""
        asked = {
            "project": self.object.project.code,
            "renews": self.object.code,
            "resource": self.object.resource.code,
        }
        return super().page_context() | {
            "room": services.room_for_more(self.object),
            "renew_url": f"{reverse('request_new_full')}?{urlencode(asked)}",
        }


class AskLonger(Ask):
    title = _("A longer period")
    form_class = LongerForm
    verb = "longer"
    lede = _(
        "A later last day for the GPU-hours that are left. Up to 30 days are granted at once where later "
        "quarters have room; people decide about more."
    )

    def act(self, form: Any) -> Any:
        gpu_hours = form.cleaned_data["gpu_hours"]
        if gpu_hours is None:
            return super().act(form)
        request = services.renewal_begin(
            actor=self.request.user,  # type: ignore[arg-type]
            allocation=self.object,
            gpu_seconds=hours_to_seconds(gpu_hours),
            ends_on=form.cleaned_data["ends_on"],
            reason=form.cleaned_data["reason"],
        )
        messages.success(
            self.request, gettext("A renewal is a request like a new one: complete the draft and submit it.")
        )
        return request


class AskMove(Ask):
    title = _("Move GPU-hours")
    form_class = MoveForm
    verb = "move"
    lede = _(
        "To another allocation of this project. It is done at once on the same resource, to an allocation "
        "that ends no later than this one. To another resource, or where the GPU-hours would last longer, "
        "people decide, as far as it is free there."
    )

    def form_options(self) -> dict[str, Any]:
        return {"allocation": self.object}


class GiveBack(Ask):
    title = _("Give GPU-hours back")
    form_class = GiveBackForm
    verb = "give_back"
    lede = _(
        "Done at once: what you give back can go to others. It can't be undone; you can ask for more later."
    )
    submit_label = _("Give back")


class ChangeDecide(FormPage):
    template_name = "lifecycle/change_decide.html"
    form_class = ChangeDecisionForm
    title = _("Decide about a change")
    submit_label = _("Record the decision")

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.changes_detailed(self.request.user), code=self.kwargs["code"]
        )
        require(self.request.user, "lifecycle.decide_change", self.object)

    def page_context(self) -> dict[str, Any]:
        code = self.object.allocation.code
        return {
            "balance": balances(code),
            "withheld": withheld_of([code])[code],
            "words": list(self.object.decisions.all()),
            "figures": what_it_does(self.object),
        }

    def act(self, form: Any) -> Any:
        return services.change_decide(
            actor=self.request.user,  # type: ignore[arg-type]
            change=self.object,
            **form.cleaned_data,
        )


def what_it_does(change: ChangeRequest) -> list[QuarterFigures]:
    """What a change would take of its resource, or of the one that it moves to, quarter by quarter."""
    to = change.target or change.allocation
    moves = change.target and change.target.resource_id != change.allocation.resource_id
    if not change.gpu_seconds or not (change.kind == ChangeKind.SUPPLEMENT or moves):
        return []
    return forecast(
        resource=to.resource,
        gpu_seconds=change.gpu_seconds,
        starts_on=min(max(to.starts_on, clock.today()), to.ends_on),
        ends_on=to.ends_on,
    )


class ChangeWithdraw(ActionView):
    selector = selectors.changes_visible_to

    def act(self, target: ChangeRequest) -> str:
        services.change_withdraw(actor=self.request.user, change=target)  # type: ignore[arg-type]
        return gettext("It is withdrawn.")
