"""Pages of appeals."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.history import events
from allocations.lifecycle import selectors, services
from allocations.lifecycle.filtersets import AppealFilters
from allocations.lifecycle.models import Appeal, ChangeRequest
from allocations.lifecycle.policies import actions_for, project_of, words_for
from allocations.lifecycle.services.appeals import is_appealable, last_day_to_appeal
from allocations.lifecycle.web.forms import AppealDecisionForm, AppealForm
from allocations.programme.selectors import visible_to as visible_requests
from portal.foundation import clock
from portal.foundation.errors import IllegalState
from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView, DetailPage, FormPage, ListPage

TITLES = {
    "appeal_file": _("Filed"),
    "appeal_propose": _("One of two persons has spoken"),
    "appeal_uphold": _("Upheld"),
    "appeal_dismiss": _("Dismissed"),
    "appeal_withdraw": _("Withdrawn"),
}


class AppealList(ListPage):
    title = _("Appeals")
    template_name = "lifecycle/appeal_list.html"
    selector = selectors.appeals_visible_to
    filterset_class = AppealFilters


class AppealPage(DetailPage):
    template_name = "lifecycle/appeal_detail.html"
    selector = selectors.appeals_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        appeal: Appeal = page["object"]
        words = words_for(self.request.user, appeal)
        told = {name: title for name, title in TITLES.items() if words or name != "appeal_propose"}
        return page | {
            "actions": actions_for(self.request.user, appeal),
            "project": project_of(appeal),
            "before": words_before(appeal),
            "words": words,
            "events": events(appeal, told),
        }


def words_before(appeal: Appeal) -> list[Any]:
    """What was said in the round that is appealed against."""
    return list(appeal.subject.decisions.filter(round=appeal.round).select_related("decided_by"))


class RequestAppeals(DetailPage):
    """Appeals against the decisions about a request; to htmx only the panel on the request's own page."""

    template_name = "lifecycle/request_appeals.html"
    selector = visible_requests

    def get_template_names(self) -> list[str]:
        htmx: Any = self.request.htmx  # type: ignore[attr-defined]
        return ["lifecycle/_appeals_panel.html"] if htmx else super().get_template_names()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        asked = page["object"]
        last_day = last_day_to_appeal(asked)
        may = (
            allowed(self.request.user, "lifecycle.file_appeal", asked)
            and is_appealable(asked)
            and clock.today() <= last_day
        )
        return page | {
            "appeals": list(asked.appeals.order_by("id")),
            "appeal_until": last_day if may else None,
        }


class AppealFile(FormPage):
    """Against the decision about a request."""

    template_name = "lifecycle/appeal_file.html"
    form_class = AppealForm
    title = _("Appeal against the decision")
    submit_label = _("File the appeal")

    def prepare(self) -> None:
        self.object = self.find()
        require(
            self.request.user,
            "lifecycle.file_appeal",
            self.object,
            message=_("Only a project's principal investigator and managers appeal."),
        )
        if not is_appealable(self.object):
            raise IllegalState(
                _("There is nothing to appeal against here, or it was appealed against already.")
            )

    def find(self) -> Any:
        return get_object_or_404(visible_requests(self.request.user), code=self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        return {
            "until": last_day_to_appeal(self.object),
            "before": list(
                self.object.decisions.filter(round=self.object.round).select_related("decided_by")
            ),
        }

    def act(self, form: AppealForm) -> Any:
        appeal = services.appeal_file(
            actor=self.request.user,  # type: ignore[arg-type]
            subject=self.object,
            **form.cleaned_data,
        )
        messages.success(
            self.request, gettext("It is filed. Others than those who decided hear it; you will be told.")
        )
        return appeal


class ChangeAppealFile(AppealFile):
    """Against the decline of a change."""

    def find(self) -> ChangeRequest:
        return get_object_or_404(selectors.changes_visible_to(self.request.user), code=self.kwargs["code"])


class AppealDecide(FormPage):
    template_name = "lifecycle/appeal_decide.html"
    form_class = AppealDecisionForm
    title = _("Decide about an appeal")
    submit_label = _("Record the decision")

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.appeals_visible_to(self.request.user), code=self.kwargs["code"]
        )
        require(
            self.request.user,
            "lifecycle.decide_appeal",
            self.object,
            message=_(
                "An appeal is heard by others than those who decided, without an interest of their own."
            ),
        )

    def page_context(self) -> dict[str, Any]:
        return {
            "project": project_of(self.object),
            "before": words_before(self.object),
            "words": list(self.object.decisions.all()),
        }

    def act(self, form: AppealDecisionForm) -> Any:
        return services.appeal_decide(
            actor=self.request.user,  # type: ignore[arg-type]
            appeal=self.object,
            **form.cleaned_data,
        )


class AppealWithdraw(ActionView):
    selector = selectors.appeals_visible_to

    def act(self, target: Appeal) -> str:
        services.appeal_withdraw(actor=self.request.user, appeal=target)  # type: ignore[arg-type]
        return gettext("The appeal is withdrawn. The decision stands.")
