"""Pages of the reports that allocations owe."""

from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.history import events
from allocations.ledger.selectors import balances, withheld_of
from allocations.lifecycle import selectors, services
from allocations.lifecycle.filtersets import ReportFilters
from allocations.lifecycle.models import AllocationReport
from allocations.lifecycle.policies import actions_for
from allocations.lifecycle.services.reports import SECTIONS
from allocations.lifecycle.web.forms import AnswerForm, ReportForm
from portal.foundation.policies import require
from portal.foundation.web import DetailPage, FormPage, ListPage

TITLES = {
    "report_ask": _("Asked for"),
    "report_submit": _("Handed in"),
    "report_return": _("Returned with a question"),
    "report_accept": _("Accepted"),
}


class ReportList(ListPage):
    title = _("Reports about allocations")
    template_name = "lifecycle/report_list.html"
    selector = selectors.reports_visible_to
    filterset_class = ReportFilters


class ReportPage(DetailPage):
    template_name = "lifecycle/report_detail.html"
    selector = selectors.reports_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        report: AllocationReport = page["object"]
        code = report.allocation.code
        return page | {
            "actions": actions_for(self.request.user, report),
            "answers": list(report.answers.all())[::-1],
            "events": events(report, TITLES),
            "balance": balances(code),
            "withheld": withheld_of([code])[code],
        }


class ReportWrite(FormPage):
    """Written in as many sittings as it takes, then handed in."""

    template_name = "lifecycle/report_form.html"
    form_class = ReportForm
    title = _("Write the report")
    submit_label = _("Hand it in")

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.reports_visible_to(self.request.user), code=self.kwargs["code"]
        )
        require(
            self.request.user,
            "lifecycle.write_report",
            self.object,
            message=_("Only a project's principal investigator and managers write its reports."),
        )

    def get_initial(self) -> dict[str, Any]:
        return {section: getattr(self.object, section) for section in SECTIONS}

    def act(self, form: ReportForm) -> Any:
        submit = "draft" not in self.request.POST
        report = services.report_write(
            actor=self.request.user,  # type: ignore[arg-type]
            report=self.object,
            submit=submit,
            **form.cleaned_data,
        )
        messages.success(
            self.request,
            gettext("It is handed in. You will be told of the answer.") if submit else gettext("It is kept."),
        )
        return report


class ReportAnswerPage(FormPage):
    template_name = "lifecycle/report_answer.html"
    form_class = AnswerForm
    title = _("Answer the report")
    submit_label = _("Record the answer")

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.reports_visible_to(self.request.user), code=self.kwargs["code"]
        )
        require(self.request.user, "lifecycle.answer_report", self.object)

    def page_context(self) -> dict[str, Any]:
        code = self.object.allocation.code
        return {"balance": balances(code), "withheld": withheld_of([code])[code]}

    def act(self, form: AnswerForm) -> Any:
        return services.report_answer(
            actor=self.request.user,  # type: ignore[arg-type]
            report=self.object,
            **form.cleaned_data,
        )
