"""The page of reports."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.reports.answer import Answer, Row
from allocations.reports.dimensions import DEEPER
from allocations.reports.periods import PERIODS, Days
from allocations.reports.question import Question, read
from allocations.reports.scope import Scope, scope_of
from allocations.reports.web.forms import CUSTOM, QuestionForm
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.web import Page

METRICS = "gpu_hours,normalised_gpu_hours,jobs"
ROWS = 50
BAR = 1000  # width of the longest bar


class UsageReportPage(Page):
    """Usage as a table, with the same question for the API and as CSV beside it."""

    title = _("Usage report")
    template_name = "reports/usage.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        scope = scope_of(request.user)
        query = asked(request.GET)
        try:
            question = read(query, scope, ignore=("page",))
        except InvalidInput as error:
            page = self.get_context_data(error=error, form=form_of(scope, request.GET.dict()))
            return self.render_to_response(page, status=400)
        return self.render_to_response(self.get_context_data(**shown(request, question)))


def asked(query: QueryDict) -> QueryDict:
    """The page's parameters as those of a question: its form sends some twice, or as two choices."""
    told = query.copy()
    if then_by := told.pop("then_by", None):
        told["group_by"] = ",".join(filter(None, [str(told.get("group_by", "")), *map(str, then_by)]))
    # Period and days stand side by side in the form: what the person changed last is what they want.
    before = str(told.pop("days", [""])[0])
    days = [str(told.get(name, "")) for name in ("from", "to")]
    if any(days) and ("..".join(days) != before or told.get("period") == CUSTOM):
        told.pop("period", None)
    elif told.get("period"):
        told.pop("from", None)
        told.pop("to", None)
    if told.get("period") == CUSTOM:
        del told["period"]
    told.setdefault("metrics", METRICS)
    # The order stays when the form is sent again, even for columns that are no more.
    columns = f"{told.get('group_by') or 'day'},{told['metrics']}".split(",")
    if str(told.get("ordering", "")).removeprefix("-") not in columns:
        told.pop("ordering", None)
    return told


def shown(request: HttpRequest, question: Question) -> dict[str, Any]:
    """What the template needs to show the answer."""
    answer = Answer(question)
    page = Paginator(answer.rows(), ROWS).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    address = reverse("api_usage_report")
    return {
        "question": question,
        "form": form_of(question.scope, initial_of(question)),
        "scope": question.scope.statement,
        "note": answer.note,
        "provisional": answer.provisional,
        "generated_at": clock.now(),
        "page_obj": page,
        "rows": [row_of(question, row, longest=longest(question, rows)) for row in rows],
        "totals": [
            {"label": metric.label, "written": metric.written(answer.sums[f"sum_{metric.key}"])}
            for metric in question.metrics
        ],
        "api_url": f"{address}?{question.query()}",
        "csv_url": f"{address}?{question.query(format='csv')}",
    }


def row_of(question: Question, row: Row, *, longest: int) -> dict[str, Any]:
    """A row for the page: its cells, its figures, and where they come from."""
    project = row.get("by_project")
    deeper = query_behind(question, row)
    return {
        "cells": [part.written(row[f"by_{list(part.columns)[-1]}"]) for part in question.group_by],
        "figures": [metric.written(row[f"sum_{metric.key}"]) for metric in question.metrics],
        "bar": int(row[f"sum_{question.metrics[0].key}"] * BAR // longest),
        "behind": f"?{deeper}" if deeper else "",
        "allocations": f"{reverse('allocations')}?project={project}" if project else "",
    }


def longest(question: Question, rows: list[Row]) -> int:
    return max((int(row[f"sum_{question.metrics[0].key}"]) for row in rows), default=0) or 1


def query_behind(question: Question, row: Row) -> str:
    """The question whose answer adds up to this row; empty where it can't be told more closely."""
    changes: dict[str, str] = {}
    for part in question.group_by:
        changes |= part.narrow(row[f"by_{next(iter(part.columns))}"])
    asked = question.params()
    if "from" in changes:  # A month at the edge of the period isn't whole.
        changes["from"] = max(changes["from"], asked["from"])
        changes["to"] = min(changes["to"], asked["to"])
    known = {**asked, **changes}
    fixed = {*changes, *question.found} | ({"day"} if known["from"] == known["to"] else set())
    key = next((key for key in DEEPER if key not in fixed), None)
    return question.grouped_by(key).query(**changes) if key else ""


def initial_of(question: Question) -> dict[str, Any]:
    keys = [dimension.key for dimension in question.group_by]
    return {
        **question.params(),
        "period": period_of((question.first, question.last)),
        "from_": question.first,
        "days": f"{question.first}..{question.last}",
        "group_by": keys[0],
        "then_by": keys[1] if len(keys) > 1 else "",
    }


def period_of(days: Days) -> str:
    """The period's name, where it has one."""
    today = clock.today()
    return next((key for key, period in PERIODS.items() if period.days(today) == days), CUSTOM)


def form_of(scope: Scope, initial: dict[str, Any]) -> QuestionForm:
    resources = scope.resources().select_related("site").order_by("site__name", "name")
    return QuestionForm(
        initial={"from_": initial.get("from"), **initial},
        resources=resources,
        programmes=scope.programmes().order_by("name_en"),
    )
