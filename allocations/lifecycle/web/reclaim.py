"""Pages of reclamation: the cases, the dry run, and the rules."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.forms import model_to_dict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.awards.history import events
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimRule, ReclaimRuleVersion
from allocations.lifecycle.reclaim_plan import finding_of, findings
from allocations.lifecycle.reclaim_selectors import ReclaimCaseFilters, cases_visible_to, rules_visible_to
from allocations.lifecycle.reclaim_transitions import OPEN_CASE, ExemptionState
from allocations.lifecycle.services import reclaim_exemptions, reclaim_rules
from portal.foundation.policies import allowed, require
from portal.foundation.web import DetailPage, FormPage, ListPage, Page

ROWS = 25
TITLES = {
    "reclaim_warn": gettext_lazy("Warned"),
    "reclaim_warn_again": gettext_lazy("Warned again"),
    "reclaim_take": gettext_lazy("Taken back"),
    "reclaim_cure": gettext_lazy("Enough is used"),
    "reclaim_drop": gettext_lazy("Dropped"),
    "exemption_ask": gettext_lazy("Exemption asked for"),
    "exemption_exempt": gettext_lazy("Exempted"),
    "exemption_refuse": gettext_lazy("Exemption refused"),
}
STEPS = {
    "warn": gettext_lazy("Warn"),
    "warn_again": gettext_lazy("Warn again"),
    "take": gettext_lazy("Take back"),
    "cure": gettext_lazy("Let go: enough is used"),
    "drop": gettext_lazy("Drop"),
    "": gettext_lazy("Wait"),
}


class CaseList(ListPage):
    title = gettext_lazy("Use it or lose it")
    template_name = "reclaim/case_list.html"
    selector = cases_visible_to
    filterset_class = ReclaimCaseFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_see = allowed(self.request.user, "lifecycle.see_reclaim")
        return super().get_context_data(may_see_rules=may_see, **kwargs)


class CasePage(DetailPage):
    template_name = "reclaim/case_detail.html"
    selector = cases_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        case: ReclaimCase = page["object"]
        exemption = getattr(case, "exemption", None)
        is_open = case.state in OPEN_CASE
        awaits = exemption is not None and exemption.state == ExemptionState.PENDING
        return page | {
            "finding": finding_of(case) if is_open else None,
            "exemption": exemption,
            "may_ask": is_open
            and exemption is None
            and allowed(self.request.user, "lifecycle.ask_exemption", case),
            "may_decide": awaits and allowed(self.request.user, "lifecycle.decide_exemption", case),
            "events": events(case, TITLES),
        }


class WordForm(forms.Form):
    word = forms.CharField(max_length=2000, widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}))

    def __init__(self, *args: Any, label: Any, help_text: Any, required: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["word"].label = label
        self.fields["word"].help_text = help_text
        self.fields["word"].required = required


class CaseStep(FormPage):
    """Ask for an exemption, grant or refuse it: one word each."""

    form_class = WordForm
    permission = "lifecycle.decide_exemption"
    label: Any = gettext_lazy("Answer")
    help_text: Any = gettext_lazy("The project's members read it.")
    field = "answer"
    word_needed = True
    service: Callable[..., Any]

    def prepare(self) -> None:
        self.object = get_object_or_404(cases_visible_to(self.request.user), code=self.kwargs["code"])
        require(self.request.user, self.permission, self.object)

    def form_options(self) -> dict[str, Any]:
        return {"label": self.label, "help_text": self.help_text, "required": self.word_needed}

    def page_context(self) -> dict[str, Any]:
        return {
            "crumbs": [
                {"label": _("Use it or lose it"), "href": reverse("reclaim_cases")},
                {"label": self.object.code, "href": self.object.get_absolute_url()},
            ]
        }

    def act(self, form: WordForm) -> str:
        told = {self.field: form.cleaned_data["word"]}
        type(self).service(actor=self.request.user, case=self.object, **told)
        return str(self.object.get_absolute_url())


class ExemptionAsk(CaseStep):
    title = submit_label = gettext_lazy("Ask to be exempted")
    permission = "lifecycle.ask_exemption"
    label = gettext_lazy("Reason")
    help_text = gettext_lazy("Why the GPU-hours aren't used yet, and when they will be.")
    field = "reason"
    service = reclaim_exemptions.exemption_ask


class ExemptionGrant(CaseStep):
    title = submit_label = gettext_lazy("Grant the exemption")
    word_needed = False
    service = reclaim_exemptions.exemption_grant


class ExemptionRefuse(CaseStep):
    title = submit_label = gettext_lazy("Refuse the exemption")
    service = reclaim_exemptions.exemption_refuse


class DryRun(Page):
    """What the rules would do now, with figures; it changes nothing."""

    title = gettext_lazy("Dry run of reclamation")
    template_name = "reclaim/dry_run.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        require(self.request.user, "lifecycle.see_reclaim")
        found = [finding for finding in findings() if finding.step]
        rows = Paginator(found, ROWS).get_page(self.request.GET.get("page"))
        return super().get_context_data(**kwargs) | {
            "page_obj": rows,
            "rows": [(finding, STEPS[finding.step]) for finding in rows],
            "taken": sum(finding.would_take for finding in found if finding.step == "take"),
            "at_risk": sum(finding.would_take for finding in found if finding.step.startswith("warn")),
        }


class RuleList(Page):
    title = gettext_lazy("Rules of reclamation")
    template_name = "reclaim/rule_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        require(self.request.user, "lifecycle.see_reclaim")
        return super().get_context_data(**kwargs) | {
            "rules": rules_visible_to(self.request.user),
            "may_edit": allowed(self.request.user, "lifecycle.edit_reclaim_rules"),
        }


class RulePage(DetailPage):
    template_name = "reclaim/rule_detail.html"
    selector = rules_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_edit = allowed(self.request.user, "lifecycle.edit_reclaim_rules")
        return super().get_context_data(may_edit=may_edit, **kwargs)


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ReclaimRuleVersion
        fields = [
            "track",
            "resource",
            "check_percent",
            "used_below_percent",
            "take_percent",
            "first_warning_days",
            "second_warning_days",
            "min_age_days",
            "enforced",
            "note",
        ]


class NewRuleForm(VersionForm):
    name_en = forms.CharField(label=gettext_lazy("Name (English)"), max_length=120)
    name_ur = forms.CharField(
        label=gettext_lazy("Name (Urdu)"),
        max_length=120,
        widget=forms.TextInput(attrs={"lang": "ur", "dir": "rtl"}),
    )
    field_order = ["name_en", "name_ur"]


class RuleForm(FormPage):
    def prepare(self) -> None:
        require(self.request.user, "lifecycle.edit_reclaim_rules")

    def page_context(self) -> dict[str, Any]:
        rules_url = reverse("reclaim_rules")
        return {
            "lede": _("Look at the dry run before you enforce it."),
            "crumbs": [{"label": _("Rules of reclamation"), "href": rules_url}],
            "back_url": self.object.get_absolute_url() if self.object else rules_url,
        }


class RuleNew(RuleForm):
    form_class = NewRuleForm  # type: ignore[assignment]
    title = gettext_lazy("New rule of reclamation")

    def act(self, form: NewRuleForm) -> ReclaimRule:
        return reclaim_rules.reclaim_rule_create(
            actor=self.request.user,  # type: ignore[arg-type]
            **form.cleaned_data,
        )


class RuleRevise(RuleForm):
    form_class = VersionForm  # type: ignore[assignment]
    title = gettext_lazy("Change the rule")
    submit_label = gettext_lazy("Save as a new version")

    def prepare(self) -> None:
        self.object = get_object_or_404(rules_visible_to(self.request.user), code=self.kwargs["code"])
        super().prepare()

    def get_initial(self) -> dict[str, Any]:
        return model_to_dict(self.object.version, fields=VersionForm.Meta.fields) | {"note": ""}

    def act(self, form: VersionForm) -> ReclaimRule:
        reclaim_rules.reclaim_rule_revise(
            actor=self.request.user,  # type: ignore[arg-type]
            rule=self.object,
            **form.cleaned_data,
        )
        rule: ReclaimRule = self.object
        return rule
