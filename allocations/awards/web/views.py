"""Pages of allocations."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from allocations.awards import selectors, services
from allocations.awards.filtersets import AllocationFilters
from allocations.awards.history import events
from allocations.awards.models import Allocation
from allocations.awards.policies import actions_for
from allocations.awards.transitions import ALLOCATION, ENDED
from allocations.ledger.selectors import balances, withheld_of
from allocations.projects.selectors import role_in
from portal.foundation.policies import allowed, require
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import DetailPage, FormPage, ListPage

TITLES = {
    "allocation_open": _("Awarded"),
    "allocation_activate": _("Limits set at the site"),
    "allocation_adjust": _("GPU-hours changed"),
    "allocation_supplement": _("GPU-hours added"),
    "allocation_extend": _("Longer"),
    "allocation_move_out": _("GPU-hours moved away"),
    "allocation_move_in": _("GPU-hours moved here"),
    "allocation_give_back": _("Given back"),
    "allocation_instalment": _("Instalment released"),
    "allocation_suspend": _("Suspended"),
    "allocation_resume": _("Resumed"),
    "allocation_revoke": _("Revoked"),
    "allocation_expire": _("Expired"),
    "allocation_close": _("Closed"),
    "allocation_reclaim": _("Unused GPU-hours taken back"),
}
LIMITS = {
    "provisioning": _("Being set at the site"),
    "active": _("Set, and read back from the site"),
    "suspended": _("Set to nothing while suspended"),
    "expired": _("Ended"),
    "revoked": _("Ended"),
    "closed": _("Ended"),
}


class AllocationList(ListPage):
    title = _("Allocations")
    template_name = "awards/allocation_list.html"
    selector = selectors.visible_to
    filterset_class = AllocationFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {"rows": selectors.with_balances(page["page_obj"].object_list)}


class AllocationPage(DetailPage):
    template_name = "awards/allocation_detail.html"
    selector = selectors.detailed

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        allocation: Allocation = page["object"]
        viewer = self.request.user
        balance = balances(allocation.code)
        withheld = withheld_of([allocation.code])[allocation.code] if balance.held else 0
        return page | {
            "balance": balance,
            "withheld": withheld,
            "held_for_jobs": balance.held - withheld,
            "limits": LIMITS[allocation.state],
            "actions": actions_for(viewer, allocation),
            "may_adjust": allocation.state not in ENDED
            and allowed(viewer, "awards.adjust_allocation", allocation),
            # Slurm is another room's, further up, as jobs are.
            "slurm_url": f"/allocations/{allocation.code}/slurm/",
            # So are changes and reports.
            "changes_url": f"/allocations/{allocation.code}/changes/",
            "may_see_slurm": allowed(viewer, "datacenters.manage_site", allocation.resource.site),
            # Jobs are another room's, further up: known here by address alone.
            # So is what becomes of unused hours.
            "reclaim_url": f"/reclaim/?allocation={allocation.code}",
            "jobs_url": f"/jobs/?allocation={allocation.code}",
            "job_new_url": f"/jobs/new/?allocation={allocation.code}",
            "may_submit": allocation.state == "active" and bool(role_in(viewer, allocation.project)),
            "events": events(allocation, TITLES),
            "sees_project": allowed(viewer, "projects.view", allocation.project),
        }


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("The project's members read it."),
    )


class AllocationStep(FormPage):
    """Suspend, resume or revoke, with a reason."""

    template_name = "awards/allocation_step.html"
    form_class = ReasonForm
    action = ""
    service: Callable[..., Allocation]
    effect: Any = ""

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.visible_to(self.request.user), code=self.kwargs["code"])
        require(self.request.user, "awards.administer_allocation", self.object)
        ALLOCATION.target(state=self.object.state, action=self.action)

    def page_context(self) -> dict[str, Any]:
        return {"effect": self.effect, "tone": "primary" if self.action == "resume" else "danger"}

    def act(self, form: ReasonForm) -> Allocation:
        return type(self).service(
            actor=self.request.user, allocation=self.object, reason=form.cleaned_data["reason"]
        )


class AllocationSuspend(AllocationStep):
    title = submit_label = _("Suspend the allocation")
    effect = _("No job starts until it is resumed. What runs now goes on, and is charged.")
    action = "suspend"
    service = services.allocation_suspend


class AllocationResume(AllocationStep):
    title = submit_label = _("Resume the allocation")
    effect = _("Jobs start again within the budget that is left.")
    action = "resume"
    service = services.allocation_resume


class AllocationRevoke(AllocationStep):
    title = submit_label = _("Revoke the allocation")
    effect = _("It ends for good, and what is available goes back to the resource. This can't be undone.")
    action = "revoke"
    service = services.allocation_revoke


class AdjustForm(ReasonForm):
    gpu_hours = forms.DecimalField(
        label=_("GPU-hours"),
        max_digits=14,
        decimal_places=2,
        widget=forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off", "dir": "ltr"}),
        help_text=_("To add, such as 500; with a minus sign to take back, such as -500."),
    )
    # Names this change: sent twice, it is done once.
    key = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ["gpu_hours", "reason", "key"]


class AllocationAdjust(FormPage):
    """More GPU-hours, or fewer."""

    template_name = "awards/allocation_adjust.html"
    form_class = AdjustForm
    title = submit_label = _("Adjust the allocation")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.visible_to(self.request.user), code=self.kwargs["code"])
        require(self.request.user, "awards.adjust_allocation", self.object)

    def get_initial(self) -> dict[str, Any]:
        return {"key": uuid.uuid4()}

    def page_context(self) -> dict[str, Any]:
        return {"balance": balances(self.object.code)}

    def act(self, form: AdjustForm) -> Allocation:
        return services.allocation_adjust(
            actor=self.request.user,  # type: ignore[arg-type]
            allocation=self.object,
            gpu_seconds=hours_to_seconds(form.cleaned_data["gpu_hours"]),
            reason=form.cleaned_data["reason"],
            key=str(form.cleaned_data["key"]),
        )
