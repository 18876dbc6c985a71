"""Pages of quotas: what holds, what it comes to, how it came about."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.awards.capacity import coming_quarters, portions
from allocations.awards.quotas import selectors, services
from allocations.awards.quotas.filtersets import QuotaFilters
from allocations.awards.quotas.groups import names_of
from allocations.awards.quotas.models import Quota
from allocations.awards.quotas.web.forms import AmountForm, QuotaForm, ReasonForm
from allocations.projects.models import Project
from allocations.projects.selectors import visible_to as visible_projects
from datacenters.models import Resource
from datacenters.selectors import resources_visible_to, sites_managed_by
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.policies import allowed, require
from portal.foundation.units import hours_to_seconds, seconds_to_hours
from portal.foundation.web import DetailPage, FormPage, ListPage, Page


def settable_by(user: Any) -> QuerySet[Resource]:
    """The resources whose quotas `user` may set."""
    resources = Resource.objects.select_related("site")
    if allowed(user, "quotas.set_quota"):
        return resources
    return resources.filter(site__in=sites_managed_by(user))


class QuotaList(ListPage):
    title = gettext_lazy("Fair shares")
    template_name = "quotas/quota_list.html"
    selector = selectors.visible_to
    filterset_class = QuotaFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        quotas, now = list(page["page_obj"]), Quarter.of(clock.today())
        shares = {
            share.quota: share for share in selectors.shares_of(quotas, quarters=[now], with_standings=False)
        }
        names = names_of(quota.group for quota in quotas if quota not in shares)
        return page | {
            "quarter": now,
            "rows": [
                {"quota": quota, "share": share, "group": share.group if share else names[quota.group]}
                for quota in quotas
                for share in [shares.get(quota)]
            ],
            "may_set": allowed(self.request.user, "quotas.set_some_quota"),
        }


class QuotaPage(DetailPage):
    template_name = "quotas/quota_detail.html"
    selector = selectors.rows_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        quota: Quota = page["object"]
        shares = selectors.shares_of([quota], quarters=coming_quarters())
        return page | {
            "group": names_of([quota.group])[quota.group],
            "shares": [] if quota.ended_at else shares,
            "standing": next((share.standing for share in shares if share.standing), None),
            "history": selectors.history_of(quota),
            "may_change": quota.ended_at is None
            and allowed(self.request.user, "quotas.set_quota", quota.resource),
        }


class QuotaNew(FormPage):
    form_class = QuotaForm
    title = gettext_lazy("Set a quota")
    submit_label = gettext_lazy("Set")

    def prepare(self) -> None:
        require(self.request.user, "quotas.set_some_quota")

    def form_options(self) -> dict[str, Any]:
        return {
            "resources": settable_by(self.request.user),
            "all_together": allowed(self.request.user, "quotas.set_quota"),
        }

    def page_context(self) -> dict[str, Any]:
        return {"back_url": reverse("quotas"), "crumbs": crumbs()}

    def act(self, form: QuotaForm) -> Quota:
        return services.quota_set(actor=self.request.user, **form.amounts())


class QuotaForms(FormPage):
    """A form about the quota of the address."""

    def prepare(self) -> None:
        self.object = get_object_or_404(
            selectors.rows_visible_to(self.request.user), code=self.kwargs["code"]
        )
        require(self.request.user, "quotas.set_quota", self.object.resource)

    def page_context(self) -> dict[str, Any]:
        group = names_of([self.object.group])[self.object.group]
        lede = f"{self.object.get_kind_display()} · {group}"
        return {"lede": lede, "crumbs": [*crumbs(), {"label": group, "href": self.object.get_absolute_url()}]}


class QuotaChange(QuotaForms):
    form_class = AmountForm
    title = gettext_lazy("Change the quota")

    def get_initial(self) -> dict[str, Any]:
        quota: Quota = self.object
        return {
            "percent": quota.percent,
            "gpu_hours": None if quota.gpu_seconds is None else seconds_to_hours(quota.gpu_seconds),
            "from_quarter": max(quota.from_quarter, str(Quarter.of(clock.today()))),
            "until_quarter": quota.until_quarter,
            "enforced": "yes" if quota.enforced else "no",
        }

    def act(self, form: AmountForm) -> Quota:
        data = form.amounts()
        if data["enforced"] is None:
            data["enforced"] = self.object.kind == Quota.Kind.CAP
        return services.quota_change(actor=self.request.user, quota=self.object, **data)


class QuotaEnd(QuotaForms):
    form_class = ReasonForm
    title = gettext_lazy("End the quota")
    submit_label = gettext_lazy("End it")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def act(self, form: ReasonForm) -> str:
        services.quota_end(actor=self.request.user, quota=self.object, **form.cleaned_data)
        messages.success(self.request, _("The quota has ended. What was awarded under it stands."))
        return reverse("quotas")


class ResourceShares(Page):
    """What an award would do to the shares of a resource, and what is committed of it week by week.

    Also a panel: to htmx it answers without the frame. `project`, `gpu_hours`, `starts_on` and `ends_on` in
    the query name the award; what can't be read is left out of account.
    """

    title = gettext_lazy("Shares and commitments")

    def get_template_names(self) -> list[str]:
        return ["quotas/_shares.html" if self.request.htmx else "quotas/resource_shares.html"]  # type: ignore[attr-defined]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        resource = get_object_or_404(resources_visible_to(self.request.user), code=self.kwargs["code"])
        starts_on, ends_on = self._day("starts_on"), self._day("ends_on")
        asked = bool(starts_on and ends_on and starts_on <= ends_on)
        wanted = self._portions(starts_on, ends_on) if asked else {}
        quarters = quarters_between(starts_on, ends_on) if asked else coming_quarters(2)  # type: ignore[arg-type]
        return super().get_context_data(**kwargs) | {
            "resource": resource,
            "asked": bool(wanted),
            "shares": selectors.shares(
                resource=resource, quarters=quarters[:8], project=self._project(), portions=wanted
            ),
            "weeks": selectors.commitments_by_week(resource),
        }

    def _project(self) -> Project | None:
        code = self.request.GET.get("project", "")
        return visible_projects(self.request.user).filter(code=code).first() if code else None

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(self.request.GET.get(name, ""))
        except ValueError:
            return None

    def _portions(self, starts_on: Any, ends_on: Any) -> dict[Quarter, int]:
        try:
            gpu_seconds = hours_to_seconds(int(self.request.GET.get("gpu_hours", "0").split(".")[0]))
        except ValueError:
            return {}
        if not 0 < gpu_seconds < 2**53 or (ends_on - starts_on).days > 800:
            return {}
        return portions(gpu_seconds=gpu_seconds, starts_on=starts_on, ends_on=ends_on)


def crumbs() -> list[dict[str, Any]]:
    return [{"label": _("Fair shares"), "href": reverse("quotas")}]
