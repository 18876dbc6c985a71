"""Calls for proposals: for everybody to read, for programme admins to write."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView, View
from django_filters.views import FilterView

from allocations.programme import papers, services
from allocations.programme.filtersets import CallFilters
from allocations.programme.models import Call, CallDocument
from allocations.programme.results import results_of
from allocations.programme.selectors import calls_visible_to
from allocations.programme.services.awarding import granted_within
from allocations.programme.tracks import versions_in_force
from allocations.programme.web.calls_forms import BudgetForm, CallForm, DocumentForm, initial_of
from allocations.programme.web.tracks import Administering, may_administer
from portal.foundation.formats import hours
from portal.foundation.policies import allowed
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import ActionView


class CallList(FilterView):
    """Open, coming and closed ones; programme admins also see those that aren't published yet."""

    template_name = "programme/call_list.html"
    filterset_class = CallFilters
    paginate_by = 25

    def get_queryset(self) -> QuerySet[Call]:
        return calls_visible_to(self.request.user).prefetch_related(None)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {"title": _("Calls"), "may_change": may_administer(self.request.user)}


class CallPage(TemplateView):
    template_name = "programme/call_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        call = get_object_or_404(calls_visible_to(user), code=self.kwargs["code"])
        rubric = call.rubric or next(
            (version.rubric for version in versions_in_force() if version.track_id == call.track_id), None
        )
        return super().get_context_data(**kwargs) | {
            "object": call,
            "rubric": rubric,
            "criteria": rubric.criteria.all() if rubric else [],
            "budgets": call.budgets.all(),
            "documents": call.documents.all(),
            "results": results_of(call),
            "ask_url": f"{reverse('request_new_full')}?call={call.code}",
            "may_change": may_administer(user),
            "may_decide": user.is_authenticated and allowed(user, "programme.decide_requests"),
        }


class CallFile(View):
    """A call's document, for everybody who sees the call."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        document = get_object_or_404(
            CallDocument.objects.filter(call__in=calls_visible_to(request.user).values("pk")),
            code=kwargs["document"],
            call__code=kwargs["code"],
        )
        reply: Any = papers.response_of(document.file, name=document.code)
        return reply


class CallNew(Administering):
    form_class = CallForm
    title = gettext_lazy("New call")
    submit_label = gettext_lazy("Save")

    def page_context(self) -> dict[str, Any]:
        href = reverse("calls")
        return {
            "crumbs": [{"label": _("Calls"), "href": href}],
            "back_url": href,
            "lede": _("Nobody else sees it until it is published."),
        }

    def act(self, form: CallForm) -> Call:
        return services.call_create(actor=self.actor, **form.cleaned_data)


class CallAct(Administering):
    """A form about one call."""

    object: Call

    def prepare(self) -> None:
        super().prepare()
        self.object = get_object_or_404(calls_visible_to(self.request.user), code=self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        crumbs = [{"label": _("Calls"), "href": reverse("calls")}]
        return {"crumbs": [*crumbs, {"label": self.object, "href": self.object.get_absolute_url()}]}


class CallEdit(CallAct):
    form_class = CallForm
    title = gettext_lazy("Change the call")

    def get_initial(self) -> dict[str, Any]:
        return initial_of(self.object)

    def act(self, form: CallForm) -> Call:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return services.call_update(actor=self.actor, call=self.object, **changes)


class CallDocumentAdd(CallAct):
    form_class = DocumentForm
    title = gettext_lazy("Add a document")
    submit_label = gettext_lazy("Add")

    def act(self, form: DocumentForm) -> Call:
        data = form.cleaned_data
        services.call_document_add(
            actor=self.actor, call=self.object, title=data["title"], upload=data["file"]
        )
        return self.object


class CallBudgetSet(CallAct):
    form_class = BudgetForm
    title = gettext_lazy("Set a budget")

    def page_context(self) -> dict[str, Any]:
        spent = [
            _("%(resource)s: %(granted)s of %(budget)s")
            % {
                "resource": budget.resource,
                "granted": hours(granted_within(self.object.pk, budget.resource_id)) or "0",
                "budget": hours(budget.gpu_seconds),
            }
            for budget in self.object.budgets.all()
        ]
        lede = _("Granted so far, in GPU-hours: %(spent)s.") % {"spent": "; ".join(spent)} if spent else ""
        return super().page_context() | {"lede": lede}

    def act(self, form: BudgetForm) -> Call:
        services.call_budget_set(
            actor=self.actor,
            call=self.object,
            resource=form.cleaned_data["resource"],
            gpu_seconds=hours_to_seconds(form.cleaned_data["gpu_hours"]),
        )
        return self.object


class CallButton(ActionView):
    """A button on a call's page."""

    selector = calls_visible_to

    @property
    def actor(self) -> Any:
        return self.request.user


class CallPublish(CallButton):
    def act(self, target: Call) -> str:
        services.call_publish(actor=self.actor, call=target)
        return _("The call is published.")


class CallPublishResults(CallButton):
    def act(self, target: Call) -> str:
        services.call_publish_results(actor=self.actor, call=target)
        return _("The results are published.")


class CallDocumentRemove(CallButton):
    def find(self) -> CallDocument:
        call = super().find()
        return get_object_or_404(call.documents, code=self.kwargs["document"])

    def page_of(self, target: CallDocument) -> Call:
        return target.call

    def act(self, target: CallDocument) -> str:
        services.call_document_remove(actor=self.actor, document=target)
        return _("The document is taken away.")
