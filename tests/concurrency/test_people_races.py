"""Many newcomers of one recognised institution at once: one organisation, verified once, owned by nobody."""

import pytest

from portal.people.models import Organisation, RecognisedInstitution, Verification
from portal.people.services.recognition import institution_join
from tests.cast import make_cast, person
from tests.concurrency.test_ledger_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

NEWCOMERS = 8


def test_who_joins_at_once_joins_the_same(transactional_db: None) -> None:
    make_cast()
    RecognisedInstitution.objects.create(
        name="Margalla Institute", domains=["margalla.edu.pk"], province="islamabad", source="HEC, 2026"
    )
    people = [person(f"newcomer{number}") for number in range(NEWCOMERS)]
    for user in people:
        user.emailaddress_set.create(email=f"{user.name}@margalla.edu.pk", verified=True)
    outcomes = at_once(lambda number: institution_join(actor=people[number]), NEWCOMERS)
    assert outcomes == [None] * NEWCOMERS
    body = Organisation.objects.get(name="Margalla Institute")
    assert set(body.memberships.values_list("role")) == {("member",)}
    assert body.memberships.count() == NEWCOMERS
    assert Verification.objects.filter(organisation=body).count() == 1
