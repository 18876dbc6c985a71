"""Pages of programmes: what they stand for, and what that comes to in GPU-hours."""

from typing import Any

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.awards.capacity import coming_quarters
from allocations.awards.history import events
from allocations.awards.quotas import selectors, services
from allocations.awards.quotas.filtersets import ProgrammeFilters
from allocations.awards.quotas.web.forms import (
    EndorseOrganisationForm,
    EndorseProjectForm,
    ProgrammeForm,
    ReasonForm,
)
from allocations.awards.selectors import visible_to as visible_allocations
from allocations.awards.selectors import with_balances
from allocations.projects.models import Sector
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.policies import allowed, require
from portal.foundation.web import DetailPage, FormPage, ListPage
from portal.people.models import Programme
from portal.people.services import programmes

SHOWN = 10
TITLES = {
    "programme_create": gettext_lazy("Added"),
    "programme_update": gettext_lazy("Changed"),
    "programme_coordinators": gettext_lazy("Coordinators changed"),
    "programme_close": gettext_lazy("Closed"),
    "endorsement_make": gettext_lazy("Endorsed"),
    "endorsement_withdraw": gettext_lazy("Endorsement withdrawn"),
}


class ProgrammeList(ListPage):
    title = gettext_lazy("Programmes")
    template_name = "quotas/programme_list.html"
    selector = selectors.programmes_visible_to
    filterset_class = ProgrammeFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        now = Quarter.of(clock.today())
        figures = selectors.programme_quarters(page["page_obj"], [now])
        return page | {
            "quarter": now,
            "rows": [{"programme": body, "figures": of_quarter[0]} for body, of_quarter in figures.items()],
            "may_administer": allowed(self.request.user, "people.administer"),
        }


class ProgrammePage(DetailPage):
    template_name = "quotas/programme_detail.html"
    selector = selectors.programmes_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        body: Programme = page["object"]
        viewer = self.request.user
        coordinates = allowed(viewer, "people.coordinate_programme", body)
        allocations = selectors.allocations_of(body)
        if not coordinates:
            allocations = allocations.filter(pk__in=visible_allocations(viewer).order_by().values("pk"))
        return page | {
            "quarters": selectors.programme_quarters([body], coming_quarters())[body],
            "totals": selectors.totals_of(body),
            "organisations": selectors.organisation_endorsements(body),
            "projects": selectors.project_endorsements(body) if coordinates else [],
            "allocations": with_balances(allocations[:SHOWN]),
            "sector": Sector.objects.filter(code=body.sector).first() if body.sector else None,
            "coordinates": coordinates,
            "may_endorse": coordinates and body.closed_at is None,
            "may_administer": allowed(viewer, "people.administer"),
            "events": events(body, TITLES)[:SHOWN] if coordinates else [],
        }


class ProgrammeForms(FormPage):
    """A form about the programme of the address."""

    permission = "people.administer"

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.programmes_visible_to(self.request.user), code=self.kwargs["code"]
        )
        require(self.request.user, self.permission, self.object)

    def page_context(self) -> dict[str, Any]:
        return {"crumbs": [*crumbs(), {"label": str(self.object), "href": self.object.get_absolute_url()}]}


class ProgrammeNew(FormPage):
    form_class = ProgrammeForm
    title = gettext_lazy("New programme")

    def prepare(self) -> None:
        require(self.request.user, "people.administer")

    def page_context(self) -> dict[str, Any]:
        return {"back_url": reverse("programmes"), "crumbs": crumbs()}

    def act(self, form: ProgrammeForm) -> Programme:
        data = form.values()
        data["coordinators"] = programmes.people_at(data["coordinators"])
        return programmes.programme_create(actor=self.request.user, **data)


class ProgrammeEdit(ProgrammeForms):
    form_class = ProgrammeForm
    title = gettext_lazy("Change the programme")

    def get_initial(self) -> dict[str, Any]:
        body: Programme = self.object
        known = {name: getattr(body, name) for name in programmes.PROGRAMME_FIELDS}
        return known | {"coordinators": "\n".join(user.email for user in body.coordinators.all())}

    def act(self, form: ProgrammeForm) -> Programme:
        data = form.values()
        data["coordinators"] = programmes.people_at(data["coordinators"])
        return programmes.programme_update(actor=self.request.user, programme=self.object, **data)


class ProgrammeClose(ProgrammeForms):
    form_class = ReasonForm
    title = gettext_lazy("Close the programme")
    submit_label = gettext_lazy("Close it")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def act(self, form: ReasonForm) -> Programme:
        return programmes.programme_close(actor=self.request.user, programme=self.object, **form.cleaned_data)


class Endorse(ProgrammeForms):
    permission = "people.coordinate_programme"
    submit_label = gettext_lazy("Endorse")


class EndorseOrganisation(Endorse):
    form_class = EndorseOrganisationForm
    title = gettext_lazy("Endorse an organisation")

    def form_options(self) -> dict[str, Any]:
        return {"organisations": selectors.endorsable_organisations(self.request.user, self.object)}

    def act(self, form: EndorseOrganisationForm) -> Programme:
        programmes.organisation_endorse(actor=self.request.user, programme=self.object, **form.cleaned_data)
        return self.object  # type: ignore[no-any-return]


class EndorseProject(Endorse):
    form_class = EndorseProjectForm
    title = gettext_lazy("Endorse a project")

    def act(self, form: EndorseProjectForm) -> Programme:
        data = dict(form.cleaned_data)
        data["project"] = services.project_named(data["project"])
        services.project_endorse(actor=self.request.user, programme=self.object, **data)
        return self.object  # type: ignore[no-any-return]


class EndorsementWithdraw(Endorse):
    form_class = ReasonForm
    title = gettext_lazy("Withdraw the endorsement")
    submit_label = gettext_lazy("Withdraw")

    def prepare(self) -> None:
        super().prepare()
        found = selectors.endorsement_named(self.object, self.kwargs["endorsement"])
        if found is None:
            raise Http404
        self.endorsement = found

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"lede": str(self.endorsement), "danger": True}

    def act(self, form: ReasonForm) -> Programme:
        programmes.endorsement_withdraw(
            actor=self.request.user, endorsement=self.endorsement, **form.cleaned_data
        )
        messages.success(self.request, _("Withdrawn: it no longer counts for this programme."))
        return self.object  # type: ignore[no-any-return]


def crumbs() -> list[dict[str, Any]]:
    return [{"label": _("Programmes"), "href": reverse("programmes")}]
