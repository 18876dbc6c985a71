"""What people type about projects. The rules stand in the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.projects.models import Project, ProjectMember, Sector
from allocations.projects.selectors import organisations_to_propose_for, sectors
from allocations.projects.services.members import GIVEN_ROLES
from datacenters.models import DataClass
from portal.people.models import Organisation


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


class MemberForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy(
            "One that the person has confirmed here. People of other organisations are welcome."
        ),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[(role, role.label) for role in reversed(ProjectMember.Role) if role in GIVEN_ROLES],
        initial=ProjectMember.Role.MEMBER,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Members send jobs; managers also ask for GPU-hours and choose members."),
    )


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
