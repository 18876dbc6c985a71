"""Deputies: in whose seat somebody decides, and when not."""

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import Deputy, Membership, ProgrammeRole, User
from portal.people.policies import seat_of
from portal.people.selectors import deputies_visible_to, principals_of
from portal.people.services import users, verifications
from portal.people.services.deputies import deputy_end, deputy_name
from tests.cast import person

pytestmark = pytest.mark.django_db


def day(offset: int) -> date:
    return clock.today() + timedelta(days=offset)


def name(principal: User, deputy: User, first: int = 0, last: int = 5, reason: str = "Leave") -> Deputy:
    return deputy_name(
        actor=principal, email=deputy.email, starts_on=day(first), ends_on=day(last), reason=reason
    )


def test_a_deputy_has_the_seat_on_these_days_only(cast, monkeypatch):
    today = clock.today()
    name(cast.council, cast.member, first=2, last=4)
    seats = {}
    for offset in range(7):
        monkeypatch.setattr(clock, "today", lambda offset=offset: today + timedelta(days=offset))
        seats[offset] = seat_of(cast.member.fresh(), {"council"})
    assert [seats[offset] for offset in (0, 1, 5, 6)] == [None] * 4
    assert [seats[offset] for offset in (2, 3, 4)] == [cast.council] * 3


def test_ones_own_seat_comes_first_and_only_the_roles_asked_for_count(cast):
    name(cast.council, cast.reviewer)
    reviewer = cast.reviewer.fresh()
    assert reviewer.stands_in_for == {cast.council.pk}
    assert principals_of(reviewer) == [cast.council]
    assert seat_of(reviewer, {"reviewer", "council"}) == reviewer
    assert seat_of(reviewer, {"council"}) == cast.council
    assert seat_of(reviewer, {"admin"}) is None
    assert seat_of(cast.member, {"council"}) is None
    ProgrammeRole.objects.filter(user=cast.council).delete()
    assert seat_of(cast.reviewer.fresh(), {"council"}) is None


def test_power_goes_no_further_than_one_deputy(cast):
    name(cast.council, cast.reviewer, first=0, last=5)
    for who, field in [(cast.reviewer, "starts_on")]:
        with pytest.raises(InvalidInput) as refusal:
            name(who, cast.member, first=3, last=9)
        assert refusal.value.field == field
    name(cast.reviewer, cast.member, first=6, last=9)
    with pytest.raises(InvalidInput) as refusal:
        name(cast.admin, cast.reviewer, first=9, last=12)
    assert refusal.value.field == "email"
    # Even a chain that got into the table gives nothing away.
    Deputy.objects.create(
        person=cast.reviewer, deputy=cast.outsider, starts_on=day(0), ends_on=day(5), reason="x"
    )
    assert seat_of(cast.outsider.fresh(), {"council"}) is None
    assert seat_of(cast.outsider.fresh(), {"reviewer"}) == cast.reviewer


@pytest.mark.parametrize(
    ("email", "first", "last", "reason", "field"),
    [
        ("council@example.pk", 0, 1, "x", "email"),
        ("nobody@example.pk", 0, 1, "x", "email"),
        ("member@example.pk", -1, 1, "x", "starts_on"),
        ("member@example.pk", 3, 2, "x", "ends_on"),
        ("member@example.pk", 0, 180, "x", "ends_on"),
        ("member@example.pk", 0, 1, "  ", "reason"),
    ],
)
def test_bad_input_names_its_field(cast, email, first, last, reason, field):
    with pytest.raises(InvalidInput) as refusal:
        deputy_name(actor=cast.council, email=email, starts_on=day(first), ends_on=day(last), reason=reason)
    assert refusal.value.field == field
    assert not Deputy.objects.exists()


def test_the_database_refuses_oneself_and_a_period_that_ends_before_it_begins(cast):
    facts = {"person": cast.council, "deputy": cast.member, "reason": "x"}
    for wrong in (
        {"deputy": cast.council, "starts_on": day(0), "ends_on": day(1)},
        {"starts_on": day(1), "ends_on": day(0)},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Deputy.objects.create(**facts | wrong)


def test_one_deputy_at_a_time(cast):
    name(cast.council, cast.member, first=0, last=5)
    with pytest.raises(InvalidInput) as refusal:
        name(cast.council, cast.admin, first=5, last=7)
    assert refusal.value.field == "starts_on"
    name(cast.council, cast.admin, first=6, last=7)


def test_only_who_decides_names_one(cast):
    for nobody in (cast.pi, cast.auditor, cast.outsider):
        with pytest.raises(NotAllowed):
            name(nobody, cast.member)
    for decider in (cast.reviewer, cast.site_manager, cast.admin):
        assert name(decider, cast.member).deputy == cast.member
    assert AuditRow.objects.filter(action="deputy_name").count() == 3
    assert OutboxRow.objects.filter(key="deputy_named").count() == 3


def test_second_factors_where_they_are_asked_for(cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        name(cast.council, cast.member)
    cast.council.authenticator_set.create(type="totp", data={})
    with pytest.raises(InvalidInput) as refusal:
        name(cast.council.fresh(), cast.member)
    assert refusal.value.field == "email"
    cast.member.authenticator_set.create(type="totp", data={})
    name(cast.council.fresh(), cast.member)


@pytest.mark.parametrize(("who", "may"), [("council", 1), ("member", 1), ("admin", 1), ("outsider", 0)])
def test_who_may_end_it(cast, who, may):
    row = name(cast.council, cast.member)
    actor = getattr(cast, who)
    assert deputies_visible_to(actor).count() == may
    if not may:
        with pytest.raises(NotAllowed):
            deputy_end(actor=actor, deputy=row)
        return
    deputy_end(actor=actor, deputy=row)
    assert seat_of(cast.member.fresh(), {"council"}) is None
    assert AuditRow.objects.get(action="deputy_end").actor == actor.code
    with pytest.raises(IllegalState):
        deputy_end(actor=actor, deputy=row)


def test_nobody_stands_in_for_whom_access_ended_nor_when_ones_own_did(cast):
    row = name(cast.council, cast.member)
    User.objects.filter(pk=cast.council.pk).update(is_active=False)
    assert seat_of(cast.member.fresh(), {"council"}) is None
    User.objects.filter(pk=cast.council.pk).update(is_active=True)
    assert seat_of(cast.member.fresh(), {"council"}) == cast.council
    users.user_deactivate(actor=cast.admin, user=cast.member, reason="Left")
    row.refresh_from_db()
    assert row.ended_at


def test_a_verifiers_deputy_speaks_in_that_seat_and_not_beside_it(cast):
    """The deputy's word and the verifier's own are one: an agency needs another."""
    verifier, deputy = person("verifier"), person("deputy")
    ProgrammeRole.objects.create(user=verifier, role="verifier")
    name(verifier, deputy)
    cast.pi.emailaddress_set.create(email="focal@crops.gov.pk", verified=True)
    cast.organisation.kind = "agency"
    cast.organisation.store("kind")
    claim = verifications.verification_submit(
        actor=cast.pi.fresh(),
        organisation=cast.organisation,
        identifier_kind="gov",
        identifier="focal@crops.gov.pk",
        upload=SimpleUploadedFile("letter.pdf", b"%PDF-1.7 illustrative"),
    )
    until = day(300)
    with pytest.raises(NotAllowed):
        verifications.verification_accept(actor=cast.outsider, verification=claim, expires_on=until)
    verifications.verification_accept(actor=deputy.fresh(), verification=claim, expires_on=until)
    word = claim.words.get()
    assert (word.verifier, word.seat) == (deputy, verifier)
    with pytest.raises(IllegalState, match="same seat"):
        verifications.verification_accept(actor=verifier.fresh(), verification=claim, expires_on=until)
    # Whose principal belongs to the organisation has no say there either.
    Membership.objects.create(organisation=cast.organisation, user=verifier)
    with pytest.raises(NotAllowed):
        verifications.verification_refuse(actor=deputy.fresh(), verification=claim, reason="no")
