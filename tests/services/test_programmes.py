"""Endorsing bodies: who makes them, for whom they stand, and how that ends."""

from datetime import timedelta

import pytest

from allocations.awards.quotas.selectors import endorsable_organisations
from allocations.awards.quotas.services import project_endorse
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import Organisation, OrganisationEndorsement, Programme
from portal.people.services.programmes import (
    endorsement_withdraw,
    organisation_endorse,
    people_at,
    programme_close,
    programme_create,
    programme_update,
)
from tests.cast import Cast, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def body(cast: Cast) -> Programme:
    """A zone, coordinated by somebody without any other role."""
    return programme_create(
        actor=cast.admin,
        kind="zone",
        name_en=" Zone   of Haripur ",
        coordinators=[person("coordinator")],
    )


def coordinator(body: Programme):
    return body.coordinators.get()


def standing() -> int:
    return OrganisationEndorsement.objects.filter(OrganisationEndorsement.in_force()).count()


def test_admins_make_and_change_them(cast: Cast, body: Programme) -> None:
    assert str(body) == "Zone of Haripur"
    programme_update(actor=cast.admin, programme=body, name_ur="ہری پور زون", coordinators=[cast.council])
    assert coordinator(body) == cast.council
    actions = list(
        AuditRow.objects.filter(object_code=body.code).order_by("id").values_list("action", flat=True)
    )
    assert actions == [
        "programme_create",
        "programme_coordinators",
        "programme_update",
        "programme_coordinators",
    ]


@pytest.mark.parametrize("who", ["pi", "council", "site_manager", "auditor", "outsider"])
def test_others_dont(cast: Cast, body: Programme, who: str) -> None:
    user = getattr(cast, who)
    with pytest.raises(NotAllowed):
        programme_create(actor=user, kind="fund", name_en="Mine")
    with pytest.raises(NotAllowed):
        programme_update(actor=user, programme=body, name_en="Mine")
    with pytest.raises(NotAllowed):
        organisation_endorse(actor=user, programme=body, organisation=cast.organisation)
    assert standing() == 0


def test_a_coordinator_endorses_and_withdraws(cast: Cast, body: Programme) -> None:
    row = organisation_endorse(
        actor=coordinator(body), programme=body, organisation=cast.organisation, reason="Tenant"
    )
    assert standing() == 1
    assert row.is_in_force
    assert OutboxRow.objects.get(topic="notice").payload["users"] == [cast.pi.code]
    with pytest.raises(IllegalState):
        organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation)
    with pytest.raises(InvalidInput):
        endorsement_withdraw(actor=coordinator(body), endorsement=row, reason="")
    endorsement_withdraw(actor=coordinator(body), endorsement=row, reason="Moved away")
    assert standing() == 0
    with pytest.raises(IllegalState):
        endorsement_withdraw(actor=coordinator(body), endorsement=row, reason="Again")
    told = AuditRow.objects.get(action="endorsement_withdraw")
    assert (told.object_code, told.before["endorsed"]) == (body.code, cast.organisation.code)
    organisation_endorse(actor=coordinator(body), programme=body, organisation=cast.organisation)
    assert OrganisationEndorsement.objects.count() == 2


def test_it_runs_out_and_makes_place(cast: Cast, body: Programme) -> None:
    today = clock.today()
    with pytest.raises(InvalidInput) as refusal:
        organisation_endorse(
            actor=cast.admin, programme=body, organisation=cast.organisation, until=today - timedelta(days=1)
        )
    assert refusal.value.field == "until"
    row = organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation, until=today)
    OrganisationEndorsement.objects.filter(pk=row.pk).update(until=today - timedelta(days=1))
    assert standing() == 0
    organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation)
    assert standing() == 1


def test_nobody_endorses_their_own(cast: Cast, body: Programme) -> None:
    programme_update(actor=cast.admin, programme=body, coordinators=[cast.pi])
    with pytest.raises(InvalidInput):
        organisation_endorse(actor=cast.pi, programme=body, organisation=cast.organisation)
    organisation_endorse(actor=cast.pi, programme=body, organisation=cast.other_organisation)
    assert standing() == 1


def test_a_closed_one_stands_for_nobody(cast: Cast, body: Programme) -> None:
    organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation)
    closed = programme_close(actor=cast.admin, programme=body, reason="Merged")
    assert standing() == 0
    with pytest.raises(IllegalState):
        organisation_endorse(actor=cast.admin, programme=closed, organisation=cast.other_organisation)


def test_standing_for_somebody_asks_for_a_second_factor(cast: Cast, body: Programme, settings) -> None:
    row = organisation_endorse(actor=cast.admin, programme=body, organisation=cast.other_organisation)
    settings.REQUIRE_SECOND_FACTOR = True
    for act in (
        lambda: organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation),
        lambda: project_endorse(actor=cast.admin, programme=body, project=cast.project),
        lambda: endorsement_withdraw(actor=cast.admin, endorsement=row, reason="Moved"),
    ):
        with pytest.raises(SecondFactorNeeded):
            act()
    assert standing() == 1


def test_only_what_is_verified_and_of_its_sector_is_endorsed(cast: Cast, body: Programme) -> None:
    assert set(endorsable_organisations(cast.admin, body)) == {cast.organisation, cast.other_organisation}
    assert set(endorsable_organisations(cast.pi, body)) == {cast.other_organisation}
    cast.other_organisation.verifications.update(expires_on=clock.today() - timedelta(days=1))
    with pytest.raises(InvalidInput) as refusal:
        organisation_endorse(
            actor=cast.admin, programme=body, organisation=Organisation.objects.get(name="Indus Robotics")
        )
    assert refusal.value.field == "organisation"
    assert set(endorsable_organisations(cast.admin, body)) == {cast.organisation}
    body = programme_update(actor=cast.admin, programme=body, sector="climate")  # the project's is health
    assert not endorsable_organisations(cast.admin, body)
    with pytest.raises(InvalidInput) as refusal:
        project_endorse(actor=cast.admin, programme=body, project=cast.project)
    assert refusal.value.field == "project"
    body = programme_update(actor=cast.admin, programme=body, sector="health")
    project_endorse(actor=cast.admin, programme=body, project=cast.project)
    organisation_endorse(actor=cast.admin, programme=body, organisation=cast.organisation)
    assert not endorsable_organisations(cast.admin, body)


def test_coordinators_have_proved_their_address(cast: Cast) -> None:
    assert people_at([cast.council.email]) == [cast.council]
    cast.council.emailaddress_set.update(verified=False)
    with pytest.raises(InvalidInput):
        people_at([cast.council.email])
