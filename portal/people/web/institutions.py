"""The allow-list of recognised institutions: read by everybody, kept by programme admins."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.foundation.errors import DomainError
from portal.foundation.policies import allowed, require
from portal.foundation.web import DetailPage, FormPage, ListPage, attach
from portal.people.filtersets import InstitutionFilter
from portal.people.history import events
from portal.people.models import RecognisedInstitution
from portal.people.selectors import institutions_visible_to
from portal.people.services.institution_import import Plan, institutions_import, institutions_plan
from portal.people.services.institutions import SHOWN, institution_add, institution_update
from portal.people.web.forms import InstitutionForm, InstitutionImportForm

TITLES = {
    "institution_add": gettext_lazy("Added"),
    "institution_update": gettext_lazy("Changed"),
}


class InstitutionList(ListPage):
    selector = institutions_visible_to
    filterset_class = InstitutionFilter
    template_name = "people/institution_list.html"
    title = gettext_lazy("Recognised institutions")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(may_edit=allowed(self.request.user, "people.administer"), **kwargs)


class InstitutionPage(DetailPage):
    selector = institutions_visible_to
    template_name = "people/institution.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        institution = self.find()
        may_edit = allowed(self.request.user, "people.administer")
        history = events(institution, TITLES, SHOWN) if may_edit else []
        return {"object": institution, "may_edit": may_edit, "events": history, **kwargs}


class InstitutionFormPage(FormPage):
    """A form about the list, for programme admins."""

    form_class = InstitutionForm

    def prepare(self) -> None:
        require(self.request.user, "people.administer")

    def page_context(self) -> dict[str, Any]:
        href = reverse("institutions")
        return {"crumbs": [{"label": _("Recognised institutions"), "href": href}], "back_url": href}


class InstitutionAdd(InstitutionFormPage):
    title = gettext_lazy("Add an institution")
    submit_label = gettext_lazy("Add")

    def act(self, form: InstitutionForm) -> RecognisedInstitution:
        made = institution_add(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Added."))
        return made


class InstitutionEdit(InstitutionFormPage):
    title = gettext_lazy("Edit institution")

    def prepare(self) -> None:
        super().prepare()
        self.object = get_object_or_404(institutions_visible_to(self.request.user), code=self.kwargs["code"])

    def get_initial(self) -> dict[str, Any]:
        shown = ("name", "province", "source", "focal_email", "is_active")
        fields = {name: getattr(self.object, name) for name in shown}
        return fields | {"domains": " ".join(self.object.domains)}

    def act(self, form: InstitutionForm) -> RecognisedInstitution:
        changed = institution_update(actor=self.request.user, institution=self.object, **form.cleaned_data)
        messages.success(self.request, _("Saved."))
        return changed


class InstitutionImport(InstitutionFormPage):
    """First what the table would change, then, asked once more with the same rows, the change."""

    template_name = "people/institution_import.html"
    form_class = InstitutionImportForm  # type: ignore[assignment]
    title = gettext_lazy("Import institutions")
    submit_label = gettext_lazy("Show what would change")
    plan: Plan | None = None

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"plan": self.plan}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "apply" in request.POST:
            return super().post(request, *args, **kwargs)
        form = InstitutionImportForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                self.plan = institutions_plan(actor=request.user, table=form.cleaned_data["table"])
            except DomainError as error:
                attach(form, error)
        if self.plan is None:
            return self.show(form, status=422)
        # The rows go along, so that what was looked at is what is applied.
        shown = InstitutionImportForm(initial={"table": form.cleaned_data["table"]})
        return self.show(shown, status=422 if self.plan.faults else 200)

    def act(self, form: InstitutionImportForm) -> str:
        done = institutions_import(actor=self.request.user, table=form.cleaned_data["table"])
        counts = {"added": len(done.added), "changed": len(done.changed), "same": done.unchanged}
        messages.success(
            self.request,
            _("Imported: %(added)s added, %(changed)s changed, %(same)s unchanged.") % counts,
        )
        return reverse("institutions")
