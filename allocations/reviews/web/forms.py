"""What people type into reviews. The rules stand in the services."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import Conflict, Criterion
from allocations.projects.models import Sector
from allocations.reviews.fitting import Candidate
from allocations.reviews.models import Review
from allocations.reviews.models.review import HIGHEST
from allocations.reviews.models.reviewer import MOST_OPEN

SCORE = "score_"
SCORES = [("", "—"), *((str(score), str(score)) for score in range(HIGHEST + 1))]


def day(**options: Any) -> forms.DateField:
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


def words(**options: Any) -> forms.CharField:
    rows = options.pop("rows", 4)
    return forms.CharField(widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}), **options)


class ReviewForm(forms.Form):
    """Scores by criterion and what is said beside them. A draft may lack any of it."""

    use_required_attribute = False  # The browser can't know which button will be pressed.

    recommendation = forms.ChoiceField(
        label=_("Recommendation"),
        choices=Review.Recommendation.choices,
        widget=forms.RadioSelect,
    )
    comment_applicant = words(
        label=_("For the applicant"),
        max_length=8000,
        rows=6,
        help_text=_("They read it once the request is decided, without your name. Don't name yourself."),
    )
    comment_private = words(
        label=_("For those who decide"),
        max_length=8000,
        required=False,
        help_text=_("The applicant never reads it."),
    )

    def __init__(self, *args: Any, criteria: Iterable[Criterion], draft: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = list(criteria)
        scores = {
            f"{SCORE}{criterion.code}": forms.ChoiceField(
                label=f"{criterion} ({criterion.weight})",
                help_text=escape(criterion.help),  # Help is shown as markup; this one is typed.
                choices=SCORES,
            )
            for criterion in self.criteria
        }
        self.fields = {**scores, **self.fields}
        if draft:
            for field in self.fields.values():
                field.required = False

    @property
    def score_fields(self) -> list[forms.BoundField]:
        return [self[f"{SCORE}{criterion.code}"] for criterion in self.criteria]

    def typed(self) -> dict[str, Any]:
        """As the services take it; a criterion without a choice has none."""
        data = dict(self.cleaned_data)
        scores = {criterion.code: data.pop(f"{SCORE}{criterion.code}") for criterion in self.criteria}
        given = {code: int(score) if score else None for code, score in scores.items()}
        return {"scores": given, **data}


class ReasonForm(forms.Form):
    reason = words(label=_("Reason"), max_length=2000, help_text=_("Only programme admins read it."))


class RevisionForm(forms.Form):
    reason = words(label=_("What is to be revised"), max_length=2000, help_text=_("The reviewer reads it."))


class CloseForm(forms.Form):
    # The submission that the form was opened for.
    round = forms.IntegerField(required=False, widget=forms.HiddenInput)
    reason = words(
        label=_("Reason"),
        max_length=2000,
        help_text=_("It stands in the public clock: the applicant reads it."),
    )


class RecuseForm(forms.Form):
    """Sent with nothing but the button, it declares a real conflict."""

    severity = forms.ChoiceField(
        label=_("How severe"), choices=Conflict.Severity.choices, required=False, initial="real"
    )
    reason = words(
        label=_("What ties you to it"),
        max_length=2000,
        required=False,
        help_text=_("As much as you like to say. Only programme admins read it."),
    )

    def clean_severity(self) -> str:
        return self.cleaned_data["severity"] or Conflict.Severity.REAL


class ProfileForm(forms.Form):
    keywords = words(
        label=_("Keywords"),
        max_length=3000,
        required=False,
        help_text=_(
            "What you know well, as applicants would write it: “speech recognition”, “wheat rust”. "
            "Separated by commas or new lines."
        ),
    )
    sectors = forms.ModelMultipleChoiceField(
        label=_("Sectors"),
        queryset=Sector.objects.all(),
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    most_open = forms.IntegerField(
        label=_("Most reviews at once"), min_value=1, max_value=20, initial=MOST_OPEN
    )
    available_from = day(label=_("Available from"), required=False, help_text=_("Empty: now."))
    available_until = day(label=_("Available until"), required=False, help_text=_("Empty: for good."))

    def clean_keywords(self) -> list[str]:
        return [word for word in re.split(r"[,،;\n]", self.cleaned_data["keywords"]) if word.strip()]


class RulesForm(forms.Form):
    automatic_up_to = forms.IntegerField(
        label=_("Most reviewers asked without a programme admin"),
        min_value=0,
        max_value=20,
        help_text=_("A step that needs more waits for an admin. 0: an admin confirms every proposal."),
    )
    grace_days = forms.IntegerField(
        label=_("Days of grace"),
        min_value=0,
        max_value=30,
        help_text=_("So long after its last day a review may still come in; then somebody else is asked."),
    )


class InviteForm(forms.Form):
    reviewers = forms.MultipleChoiceField(label=_("Reviewers"), widget=forms.CheckboxSelectMultiple)
    due_on = day(label=_("Due on"), required=False, help_text=_("Empty: when the step is due."))

    def __init__(self, *args: Any, candidates: Iterable[Candidate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_code = {one.user.code: one.user for one in candidates if one.may_review}
        field: Any = self.fields["reviewers"]
        field.choices = [(code, str(user)) for code, user in self.by_code.items()]

    def clean_reviewers(self) -> list[Any]:
        return [self.by_code[code] for code in self.cleaned_data["reviewers"]]


class ReplaceForm(forms.Form):
    by = forms.ChoiceField(label=_("Ask instead"), required=False)
    reason = words(label=_("Reason"), max_length=2000, help_text=_("Kept in the audit."))

    def __init__(self, *args: Any, candidates: Iterable[Candidate], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_code = {one.user.code: one.user for one in candidates if one.may_review}
        field: Any = self.fields["by"]
        field.choices = [("", _("Nobody")), *((code, str(user)) for code, user in self.by_code.items())]

    def clean_by(self) -> Any:
        return self.by_code.get(self.cleaned_data["by"])


class ExtendForm(forms.Form):
    due_on = day(label=_("Due on"))
