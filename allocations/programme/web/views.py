"""Pages of requests."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.history import events
from allocations.awards.models import Allocation
from allocations.programme import selectors, services
from allocations.programme.checks import problems
from allocations.programme.filtersets import RequestFilters
from allocations.programme.models import AllocationRequest, Decision, TrackStep
from allocations.programme.policies import DECIDED, PERMISSION_OF, actions_for, may_read_internal, words_for
from allocations.programme.standing import clock_of
from allocations.programme.transitions import PENDING
from allocations.programme.web.differences import Difference, differences
from allocations.programme.web.forms import WithdrawForm
from portal.foundation.errors import IllegalState, NotAllowed
from portal.foundation.models import AuditRow
from portal.foundation.policies import allowed, require
from portal.foundation.web import DetailPage, FormPage, ListPage

SHOWN_ASIDE = 20


def _of_step(text: Any) -> Callable[[AuditRow], str]:
    """A title that names the step that its row is about."""
    return lambda row: text % {"step": TrackStep.Kind(row.after["step"]).label}


TITLES: dict[str, Any] = {
    "request_create": _("Draft begun"),
    "request_submit": _("Submitted"),
    "request_return": _("Returned with a question"),
    "request_approve": _("Approved"),
    "request_decline": _("Declined"),
    "request_withdraw": _("Withdrawn"),
    "request_take_up": _("Taken up"),
    "request_propose": _("Approved by a first person"),
    "request_reopen": _("Reopened after an appeal"),
    "request_step_pass": _of_step(_("%(step)s: passed")),
    "request_step_fail": _of_step(_("%(step)s: not passed")),
    "request_step_escalate": _of_step(_("%(step)s: overdue, and told")),
    "request_consent_ask": _("A site was asked"),
    "request_consent_give": _("A site consented"),
    "request_consent_presume": _("A site consented by silence"),
    "request_consent_refuse": _("A site refused"),
    "request_consent_give_for": _("The programme consented for a silent site"),
    "request_consent_refuse_for": _("The programme refused for a silent site"),
}
NEXT_STEPS = {
    "draft": _("Complete it and submit it. Nobody but the project and its organisation sees a draft."),
    "submitted": _("A programme admin or the council decides. You will be told."),
    "under_review": _("It is under review. You will be told of the decision."),
    "returned": _("Answer the question below, change what needs changing, and submit it again."),
    "approved": _("The award is a budget on the allocation below."),
    "declined": _("It is closed. The reason stands below; a new request may answer it."),
    "withdrawn": _("It is closed."),
}


class RequestList(ListPage):
    title = _("Requests")
    template_name = "programme/request_list.html"
    selector = selectors.visible_to
    filterset_class = RequestFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        # Who leads no project begins one with the request, for an organisation of theirs.
        may_ask = bool(user.organisation_ids) or selectors.projects_led_by(user).exists()
        return super().get_context_data(may_ask=may_ask, **kwargs)


class PendingRequests(ListPage):
    """What waits for this person's word, oldest first: a decision, a check, or their site's answer."""

    title = _("Requests to decide")
    template_name = "programme/request_pending.html"
    selector = selectors.pending_with_steps
    filterset_class = RequestFilters

    def get_queryset(self) -> models.QuerySet[Any]:
        require(
            self.request.user,
            "programme.see_pending",
            message=_("Only programme admins, the council and site managers decide about requests."),
        )
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {
            "rows": [(request, *_waiting(request)) for request in page["page_obj"]],
            "aside": selectors.stepped_aside(self.request.user).values_list("code", flat=True)[:SHOWN_ASIDE],
        }


class RequestPage(DetailPage):
    template_name = "programme/request_detail.html"
    selector = selectors.detailed

    def find(self) -> AllocationRequest:
        try:
            found: AllocationRequest = super().find()
        except Http404 as unseen:
            aside = selectors.stepped_aside(self.request.user)
            if aside.filter(code=self.kwargs["code"]).exists():
                raise NotAllowed(
                    _("You stepped aside from this request: a conflict of interest is on record."),
                    remedy=_("Others decide about it."),
                ) from unseen
            raise
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        request: AllocationRequest = page["object"]
        actions = actions_for(self.request.user, request)
        decisions = words_for(self.request.user, request)[::-1]
        leads = allowed(self.request.user, "programme.write_request", request)
        return page | {
            "line": next(iter(request.lines.all()), None),
            "decisions": decisions,
            "actions": actions,
            "leads": leads,
            "is_pending": request.state in PENDING,
            "ready": _ready(decisions) if leads else [],
            "next_step": NEXT_STEPS[request.state],
            "may_edit": "edit" in actions,
            "clock": clock_of(request),
            "consents": [each for each in request.consents.all() if each.round == request.round],
            "may_answer": "answer_for_site" in actions,
            "versions": _changes(request),
            "attachments": request.attachments.filter(removed_at__isnull=True),
            "problems": problems(request) if "submit" in actions else [],
        }


class RequestHistory(DetailPage):
    """What happened to a request: a page of its own, and a panel of the request's page for htmx."""

    template_name = "programme/request_history.html"
    selector = selectors.detailed

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {"events": events(page["object"], _titles_for(self.request.user, page["object"]))}

    def get_template_names(self) -> list[str]:
        is_panel = self.request.headers.get("HX-Request") == "true"
        return ["programme/_history.html"] if is_panel else super().get_template_names()


def _ready(decisions: list[Decision]) -> list[Allocation]:
    """The allocations that came of it and take jobs from here now, each once."""
    granted = (line.award.allocation for each in decisions for line in each.lines.all() if line.award)
    return list(
        {
            allocation.pk: allocation
            for allocation in granted
            if allocation.state == "active" and not allocation.resource.site.is_unbridged
        }.values()
    )


def _titles_for(viewer: Any, request: AllocationRequest) -> dict[str, Any]:
    """What its history tells: of a first approval, until it is decided, only to those who deal with it."""
    if request.state in DECIDED or may_read_internal(viewer, request):
        return TITLES
    return {action: title for action, title in TITLES.items() if action != "request_propose"}


def _waiting(request: Any) -> tuple[Any, str]:
    """Label and address of what a row of `pending_with_steps` waits for."""
    if request.asks_site:
        return _("Answer for the site"), reverse("request_consent", args=[request.code, request.asks_site])
    if request.asks_check:
        return _("Check"), reverse("request_check", args=[request.code])
    return _("Decide"), reverse("request_decide", args=[request.code])


def _changes(request: AllocationRequest) -> list[Difference]:
    """What the latest submission says otherwise than the one before it; nothing after the first."""
    if request.round < 2:
        return []
    last, *before = request.versions.order_by("-round")[:2]
    return differences(before[0].content, last.content) if before else []


class RequestAct(FormPage):
    """A form about one request, or about one that is to be."""

    @property
    def actor(self) -> Any:
        return self.request.user


class RequestWithdraw(RequestAct):
    template_name = "programme/request_withdraw.html"
    form_class = WithdrawForm
    title = _("Withdraw the request")

    def prepare(self) -> None:
        self.object = find(self, "withdraw")

    def act(self, form: WithdrawForm) -> AllocationRequest:
        return services.request_withdraw(
            actor=self.actor, request=self.object, reason=form.cleaned_data["reason"]
        )


def find(page: RequestAct, action: str) -> AllocationRequest:
    """The request of a page that is about `action`. Raises Http404, NotAllowed or IllegalState."""
    viewer = page.actor
    request: AllocationRequest = get_object_or_404(selectors.detailed(viewer), code=page.kwargs["code"])
    if action not in actions_for(viewer, request):
        require(viewer, PERMISSION_OF["submit" if action == "edit" else action], request)
        raise IllegalState(
            _("This request is “%(state)s”: that isn't possible now.")
            % {"state": request.get_state_display()}
        )
    return request
