"""Filters of lists, shared by pages and API. The order is set by the headers of columns."""

from django.db.models import Q, QuerySet
from django.forms import HiddenInput
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, FilterSet, OrderingFilter

from portal.foundation import clock
from portal.foundation.filters import YesNoFilter
from portal.foundation.text import fold_line
from portal.people.models import (
    Deputy,
    Organisation,
    ProgrammeRole,
    RecognisedInstitution,
    User,
    Verification,
)
from portal.people.selectors import verified_organisations


class OrganisationFilter(FilterSet):
    name = CharFilter(label=_("Name"), method="by_name")
    kind = ChoiceFilter(label=_("Class"), choices=Organisation.Kind.choices)
    province = ChoiceFilter(label=_("Province"), choices=Organisation.Province.choices)
    verified = YesNoFilter(label=_("Verified"), method="by_verified")
    ordering = OrderingFilter(fields=["name", "kind", "province", "created_at"], widget=HiddenInput)

    class Meta:
        model = Organisation
        fields = ["name", "kind", "province", "verified"]

    def by_name(self, rows: QuerySet[Organisation], name: str, value: str) -> QuerySet[Organisation]:
        return rows.filter(name__icontains=fold_line(value))

    def by_verified(self, rows: QuerySet[Organisation], name: str, value: bool) -> QuerySet[Organisation]:
        in_force = verified_organisations().values("pk")
        return rows.filter(pk__in=in_force) if value else rows.exclude(pk__in=in_force)


class VerificationFilter(FilterSet):
    state = ChoiceFilter(label=_("State"), choices=Verification.State.choices)
    kind = ChoiceFilter(label=_("Class"), field_name="organisation__kind", choices=Organisation.Kind.choices)
    organisation = CharFilter(label=_("Organisation"), method="by_organisation")
    ordering = OrderingFilter(fields=["created_at", "state", "expires_on"], widget=HiddenInput)

    class Meta:
        model = Verification
        fields = ["state", "kind", "organisation"]

    def by_organisation(self, rows: QuerySet[Verification], name: str, value: str) -> QuerySet[Verification]:
        return rows.filter(Q(organisation__name__icontains=fold_line(value)) | Q(organisation__code=value))


class PersonFilter(FilterSet):
    q = CharFilter(label=_("Name or address"), method="by_text")
    role = ChoiceFilter(
        label=_("Role"), field_name="programme_roles__role", choices=ProgrammeRole.Role.choices
    )
    active = YesNoFilter(label=_("Active"), field_name="is_active")
    ordering = OrderingFilter(fields=["name", "email", "created_at", "last_login"], widget=HiddenInput)

    class Meta:
        model = User
        fields = ["q", "role", "active"]

    def by_text(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        text = fold_line(value)
        return rows.filter(Q(name__icontains=text) | Q(email__icontains=text))


class DeputyFilter(FilterSet):
    open = YesNoFilter(label=_("Planned or in force"), method="by_open")
    q = CharFilter(label=_("Name"), method="by_text")
    ordering = OrderingFilter(fields=["starts_on", "ends_on"], widget=HiddenInput)

    class Meta:
        model = Deputy
        fields = ["open", "q"]

    def by_open(self, rows: QuerySet[Deputy], name: str, value: bool) -> QuerySet[Deputy]:
        still = Q(ended_at__isnull=True, ends_on__gte=clock.today())
        return rows.filter(still) if value else rows.exclude(still)

    def by_text(self, rows: QuerySet[Deputy], name: str, value: str) -> QuerySet[Deputy]:
        text = fold_line(value)
        return rows.filter(Q(person__name__icontains=text) | Q(deputy__name__icontains=text))


class InstitutionFilter(FilterSet):
    q = CharFilter(label=_("Name or domain"), method="by_text")
    province = ChoiceFilter(label=_("Province"), choices=Organisation.Province.choices)
    active = YesNoFilter(label=_("In use"), field_name="is_active")
    ordering = OrderingFilter(fields=["name", "province"], widget=HiddenInput)

    class Meta:
        model = RecognisedInstitution
        fields = ["q", "province", "active"]

    def by_text(
        self, rows: QuerySet[RecognisedInstitution], name: str, value: str
    ) -> QuerySet[RecognisedInstitution]:
        text = fold_line(value)
        return rows.filter(Q(name__icontains=text) | Q(domains__contains=[text.lower()]))
