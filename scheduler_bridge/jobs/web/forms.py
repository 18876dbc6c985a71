"""What people type to send a job. The rules stand in the services."""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances_of
from portal.foundation.errors import DomainError
from portal.foundation.formats import hours
from scheduler_bridge.jobs.selectors import allocations_of, usable_by
from scheduler_bridge.jobs.sizing import size_for
from scheduler_bridge.jobs.web.fields import CountField, GigabytesField, WallTimeField, gigabytes, wall_time
from scheduler_bridge.placement.rules import Size

# Where a refusal that names no field is mended.
FIELD_OF = {
    "over_budget": "gpus",
    "over_cap": "gpus",
    "in_overrun": "allocation",
    "no_login": "allocation",
    "data_class": "allocation",
}


class SizeForm(forms.Form):
    """What decides about a job's cost. Field names are those of the services."""

    allocation = forms.ModelChoiceField(
        label=_("Allocation"),
        queryset=Allocation.objects.none(),
        to_field_name="code",
        empty_label=_("Choose an allocation"),
        help_text=_(
            "Active ones of your projects, with what is available now. "
            "Those at unbridged sites aren't among them: their jobs are run at the site."
        ),
    )
    gpus = CountField(label=_("GPUs"))
    wall_minutes = WallTimeField(
        label=_("Wall time"),
        help_text=_("Hours:minutes, such as 1:30, or minutes. The job is ended when it is over."),
    )
    cpus = CountField(label=_("CPUs"), required=False, help_text=_("Empty: 8 for each GPU."))
    memory_mb = GigabytesField(
        label=_("Memory"), required=False, help_text=_("On each node. Empty: the share of its GPUs.")
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["allocation"]
        # What isn't active can't be chosen; sent all the same, the service says why it can't be used.
        field.queryset = allocations_of(user)
        self.user = user
        self.usable = list(usable_by(user))
        field.choices = [("", field.empty_label), *_choices(self.usable)]

    @property
    def size(self) -> Size | None:
        """The size as typed, what was left out filled in; None while something is missing or wrong."""
        sizes = ("gpus", "wall_minutes", "cpus", "memory_mb")
        data = getattr(self, "cleaned_data", {})
        if self.errors.keys() & {"allocation", *sizes} or not data.get("allocation"):
            return None
        return size_for(data["allocation"].resource, **{name: data[name] for name in sizes})


class JobForm(SizeForm):
    title = forms.CharField(label=_("Title"), max_length=80, help_text=_("To find it again."))
    script = forms.CharField(
        label=_("Script"),
        strip=False,
        widget=forms.Textarea(
            attrs={"class": "code", "rows": 14, "spellcheck": "false", "dir": "ltr", "translate": "no"}
        ),
        help_text=_(
            "Begin with #!/bin/bash. #SBATCH lines are ignored: the fields above decide. "
            "Paths are those of the site."
        ),
    )
    field_order = ["title", "allocation"]

    def __init__(self, *args: Any, checking: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checking = checking

    def full_clean(self) -> None:
        super().full_clean()
        if self.checking:  # the cost doesn't depend on these
            for name in ("title", "script"):
                self.errors.pop(name, None)


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("The project's members read it."),
    )


def ignored_lines(script: str) -> list[str]:
    """The lines by which sbatch would be told something; through the portal the form's fields decide."""
    return [line.strip() for line in script.splitlines() if line.lstrip().startswith("#SBATCH")]


UNITS: dict[str, Callable[[int], str]] = {
    "memory_mb": lambda megabytes: gettext("%s GB") % gigabytes(megabytes),
    "wall_minutes": lambda minutes: gettext("%s hours") % wall_time(minutes),
}


def in_page_terms(error: DomainError) -> DomainError:
    """The refusal, naming a field of this form and speaking in its units."""
    error.field = error.field or FIELD_OF.get(error.code)
    if error.code == "over_site_limit" and error.field in UNITS:
        asked, most = (UNITS[error.field](error.figures[name]) for name in ("asked", "most"))
        words = {"asked": asked, "most": most}
        error.message = (
            gettext("You asked for %(asked)s; this resource allows %(most)s at most here.") % words
        )
        error.remedy = gettext("Ask for %(most)s or less, or choose another resource.") % words
    return error


def _choices(allocations: list[Allocation]) -> Iterator[tuple[str, str]]:
    standing = balances_of([allocation.code for allocation in allocations])
    for allocation in allocations:
        left = hours(standing[allocation.code].available)
        label = gettext("%(project)s · %(resource)s · %(left)s GPU-hours available")
        yield (
            allocation.code,
            label % {"project": allocation.project, "resource": allocation.resource, "left": left},
        )
