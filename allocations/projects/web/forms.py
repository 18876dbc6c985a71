"""What people type about projects. The rules stand in the services."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.projects.models import GIVEN_ROLES, Classroom, HandOver, Project, ProjectMember, Sector
from allocations.projects.selectors import organisations_to_propose_for, sectors, successors_in
from datacenters.models import DataClass
from portal.foundation.units import seconds_to_hours
from portal.people.models import Organisation, User


class ProjectForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=160,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text=gettext_lazy("Short and plain: whoever decides reads it first."),
    )
    abstract = forms.CharField(
        label=gettext_lazy("Abstract"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        help_text=gettext_lazy(
            "What you want to find out or build, and who gains by it. Up to 4,000 characters."
        ),
    )
    sector = forms.ModelChoiceField(
        label=gettext_lazy("Sector"),
        queryset=Sector.objects.none(),
        to_field_name="code",
        empty_label=gettext_lazy("Choose a sector"),
    )
    data_class = forms.ChoiceField(
        label=gettext_lazy("Data class"),
        choices=[(name, name.label) for name in DataClass if name != DataClass.SECRET],
        initial=DataClass.OPEN,
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "The strictest class among the project's data; it decides which sites may take it. "
            "Secret data is refused: keep it off this portal."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["sector"].queryset = sectors()
        fields["sector"].label_from_instance = _sector


class ProjectNewForm(ProjectForm):
    organisation = forms.ModelChoiceField(
        label=gettext_lazy("Organisation"),
        queryset=Organisation.objects.none(),
        to_field_name="code",
        empty_label=gettext_lazy("Choose an organisation"),
        help_text=gettext_lazy("Those of which you are a member. It must be verified."),
    )
    field_order = ["organisation"]

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["organisation"].queryset = organisations_to_propose_for(user)
        fields["organisation"].label_from_instance = _organisation


class InviteForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy(
            "The person needs no login yet. People of other organisations are welcome. "
            "They have 14 days to accept."
        ),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=list(reversed(GIVEN_ROLES)),
        initial=ProjectMember.Role.MEMBER,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Members send jobs; managers also ask for GPU-hours and choose members."),
    )


class LinkForm(forms.Form):
    role = InviteForm.base_fields["role"]
    days = forms.IntegerField(
        label=gettext_lazy("Days until it ends"),
        initial=7,
        min_value=1,
        max_value=90,
        help_text=gettext_lazy("1 to 90."),
    )
    most_uses = forms.IntegerField(
        label=gettext_lazy("Most uses"),
        required=False,
        min_value=1,
        help_text=gettext_lazy("How many people may join by it. Empty: no limit until it ends."),
    )


class CapForm(forms.Form):
    gpu_hours = forms.DecimalField(
        label=gettext_lazy("Cap in GPU-hours"),
        required=False,
        min_value=0,
        max_digits=11,
        decimal_places=2,
        help_text=gettext_lazy(
            "What this member may use in all, held and charged together. Empty: no cap. 0: no new jobs."
        ),
    )


class HandOverForm(forms.Form):
    successor = forms.ModelChoiceField(
        label=gettext_lazy("Successor"),
        queryset=User.objects.none(),
        to_field_name="code",
        empty_label=gettext_lazy("Choose a member"),
        help_text=gettext_lazy("Members of the project who belong to its organisation. They must accept."),
    )
    afterwards = forms.ChoiceField(
        label=gettext_lazy("The present principal investigator"),
        choices=HandOver.Afterwards.choices,
        initial=HandOver.Afterwards.MANAGER,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, project: Project, pi_is_gone: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["successor"].queryset = successors_in(project)
        if pi_is_gone:
            fields["afterwards"].choices = [(HandOver.Afterwards.LEAVES, HandOver.Afterwards.LEAVES.label)]
            fields["afterwards"].initial = HandOver.Afterwards.LEAVES


class ClassroomForm(forms.Form):
    course = forms.CharField(
        label=gettext_lazy("Course"), max_length=160, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    gpu_hours = forms.DecimalField(
        label=gettext_lazy("GPU-hours per student"),
        min_value=Decimal("0.01"),
        max_digits=11,
        decimal_places=2,
        help_text=gettext_lazy(
            "Each student may use this much of the project's allocations, held and charged together."
        ),
    )
    most_students = forms.IntegerField(label=gettext_lazy("Most students"), min_value=1, max_value=1000)
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("At the end of this day the students leave the project by themselves."),
    )


class NothingForm(forms.Form):
    """For a step that is only confirmed."""


class JoinCourseForm(forms.Form):
    join_code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "dir": "ltr"}),
        help_text=gettext_lazy("Your instructor shows it: two groups of four letters and digits."),
    )


def of_classroom(classroom: Classroom) -> dict[str, Any]:
    """What the form's fields hold of `classroom` now."""
    return {
        "course": classroom.course,
        "gpu_hours": written_hours(classroom.cap_gpu_seconds),
        "most_students": classroom.most_students,
        "ends_on": classroom.ends_on,
    }


def written_hours(gpu_seconds: int | None) -> str:
    """GPU-seconds as a field of GPU-hours holds them."""
    return "" if gpu_seconds is None else f"{seconds_to_hours(gpu_seconds).normalize():f}"


def of(project: Project) -> dict[str, Any]:
    """What the form's fields hold of `project` now."""
    return {
        "title": project.title,
        "abstract": project.abstract,
        "sector": project.sector.code,
        "data_class": project.data_class,
    }


def _sector(sector: Sector) -> str:
    return _("%(sector)s (provisional)") % {"sector": sector} if sector.provisional else str(sector)


def _organisation(body: Organisation) -> str:
    return body.name if body.is_verified else _("%(name)s (not verified yet)") % {"name": body.name}
