"""Two verifiers for agencies, verification by rule, facts that floors use, and lapses."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import (
    Membership,
    Organisation,
    ProgrammeRole,
    User,
    Verification,
    VerificationWord,
)
from portal.people.selectors import pending_verifications, verified_organisations, women_led_organisations
from portal.people.services import verifications
from portal.people.services.lapses import lapses_remind
from portal.people.services.organisations import organisation_create
from tests.cast import person

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)


def founded(owner: User, kind: str, **facts) -> Organisation:
    return organisation_create(actor=owner, name="Crop Watch", kind=kind, province="sindh", **facts)


def claimed(owner: User, body: Organisation, kind: str, identifier: str, **facts) -> Verification:
    return verifications.verification_submit(
        actor=owner,
        organisation=body,
        identifier_kind=kind,
        identifier=identifier,
        upload=SimpleUploadedFile("letter.pdf", b"%PDF-1.7 illustrative"),
        **facts,
    )


def agency_claim(cast, **facts) -> Verification:
    cast.pi.emailaddress_set.create(email="focal@crops.gov.pk", verified=True)
    pi = cast.pi.fresh()
    return claimed(pi, founded(pi, "agency"), "gov", "focal@crops.gov.pk", **facts)


def accept(verifier: User, claim: Verification, days: int = 365, **more) -> Verification:
    until = clock.today() + timedelta(days=days)
    return verifications.verification_accept(actor=verifier, verification=claim, expires_on=until, **more)


@pytest.fixture
def verifier(cast) -> User:
    user = person("verifier")
    ProgrammeRole.objects.create(user=user, role="verifier")
    return user


# --- Two words for an agency ------------------------------------------------------------------------
def test_an_agency_needs_two_verifiers(cast, verifier):
    claim = agency_claim(cast)
    first = accept(cast.admin, claim, days=300)
    assert first.state == "pending"
    assert not first.organisation.is_verified
    assert OutboxRow.objects.get(key="verification_second_word").payload["users"] == [verifier.code]
    assert pending_verifications(cast.admin.fresh()) == 0
    assert pending_verifications(verifier.fresh()) == 1
    with pytest.raises(IllegalState, match="already"):
        accept(cast.admin.fresh(), claim)
    second = accept(verifier, claim, days=365)
    assert second.state == "accepted"
    assert second.expires_on == clock.today() + timedelta(days=300)  # the earlier of the two
    assert second.organisation in verified_organisations()
    assert AuditRow.objects.filter(action="verification_vouch").count() == 2


def test_others_need_one(cast):
    claim = claimed(cast.pi, founded(cast.pi, "startup"), "cuin", "0012345")
    assert accept(cast.admin, claim).state == "accepted"
    assert claim.words.get().verifier == cast.admin


def test_the_database_refuses_an_agency_on_one_word(cast):
    claim = agency_claim(cast)
    accept(cast.admin, claim)
    facts = {"verifier": cast.admin, "decided_at": clock.now(), "expires_on": clock.today() + YEAR}
    with pytest.raises(IntegrityError, match="two verifiers"), transaction.atomic():
        Verification.objects.filter(pk=claim.pk).update(state="accepted", **facts)
    # Not by a rule either, nor as a fresh row.
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.filter(pk=claim.pk).update(
            state="accepted", **facts | {"verifier": None, "rule": "recognised_institution"}
        )
    with pytest.raises(IntegrityError, match="two verifiers"), transaction.atomic():
        Verification.objects.create(
            organisation=claim.organisation,
            identifier_kind="gov",
            submitted_by=cast.pi,
            state="accepted",
            **facts,
        )


def word(claim: Verification, verifier: User, seat: User) -> None:
    now, day = clock.now(), clock.today() + YEAR
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO people_verificationword (created_at, updated_at, verification_id, verifier_id, "
            "seat_id, expires_on, women_led, remark) VALUES (%s, %s, %s, %s, %s, %s, false, '')",
            [now, now, claim.pk, verifier.pk, seat.pk, day],
        )


def test_in_raw_sql_nobody_speaks_twice_nor_for_their_own(cast, verifier):
    claim = agency_claim(cast)
    word(claim, cast.admin, cast.admin)
    with pytest.raises(IntegrityError, match="verificationword_once"):
        word(claim, cast.admin, verifier)
    with pytest.raises(IntegrityError, match="seat_once"):
        word(claim, verifier, cast.admin)
    for concerned in (cast.pi, cast.member):
        Membership.objects.get_or_create(organisation=claim.organisation, user=concerned)
        with pytest.raises(IntegrityError, match="no part"):
            word(claim, concerned, concerned)
        with pytest.raises(IntegrityError, match="no part"):
            word(claim, verifier, concerned)
    with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
        VerificationWord.objects.update(verifier=verifier)
    word(claim, verifier, verifier)  # the check can also pass


def test_the_word_of_who_joined_since_no_longer_counts(cast, verifier):
    claim = agency_claim(cast)
    accept(cast.admin, claim)
    Membership.objects.create(organisation=claim.organisation, user=cast.admin)
    assert accept(verifier, claim).state == "pending"
    third = person("third")
    ProgrammeRole.objects.create(user=third, role="verifier")
    assert accept(third, claim).state == "accepted"


def test_one_refusal_is_enough(cast, verifier):
    claim = agency_claim(cast)
    accept(cast.admin, claim)
    refused = verifications.verification_refuse(actor=verifier, verification=claim, reason="Unsigned letter")
    assert refused.state == "refused"


# --- Facts that floors use --------------------------------------------------------------------------
def test_women_led_counts_only_as_verified(cast):
    body = founded(cast.pi, "startup", women_led=True)
    assert body.women_led
    assert not body.counts_as_women_led
    accept(cast.admin, claimed(cast.pi, body, "cuin", "0012345"))
    assert not Organisation.objects.get(pk=body.pk).counts_as_women_led
    accept(cast.admin, claimed(cast.pi, body, "cuin", "0012345"), women_led=True)
    fresh = Organisation.objects.get(pk=body.pk)
    assert fresh.counts_as_women_led
    assert fresh in women_led_organisations()
    fresh.verifications.update(expires_on=clock.today() - timedelta(days=1))
    assert not Organisation.objects.get(pk=body.pk).counts_as_women_led
    assert fresh not in women_led_organisations()


def test_what_wasnt_claimed_isnt_confirmed(cast):
    claim = claimed(cast.pi, founded(cast.pi, "startup"), "cuin", "0012345")
    with pytest.raises(InvalidInput) as refusal:
        accept(cast.admin, claim, women_led=True)
    assert refusal.value.field == "women_led"
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.filter(pk=claim.pk).update(women_led_confirmed=True)


def test_both_verifiers_must_find_an_agency_women_led(cast, verifier):
    claim = agency_claim(cast, women_led=True)
    accept(cast.admin, claim, women_led=True)
    assert not accept(verifier, claim).women_led_confirmed


def test_a_province_changes_with_the_claim_that_proves_it(cast):
    claim = claimed(cast.pi, cast.organisation, "hec", "neduet.edu.pk", province="kp")
    cast.organisation.refresh_from_db()
    assert cast.organisation.province == "sindh"
    accept(cast.admin, claim)
    cast.organisation.refresh_from_db()
    assert cast.organisation.province == "kp"
    with pytest.raises(InvalidInput) as refusal:
        claimed(cast.pi, cast.organisation, "hec", "neduet.edu.pk", province="goa")
    assert refusal.value.field == "province"


@pytest.mark.parametrize("how", ["access", "role"])
def test_the_word_of_who_verifies_no_more_doesnt_count(cast, verifier, how):
    third = person("third")
    ProgrammeRole.objects.create(user=third, role="verifier")
    claim = agency_claim(cast)
    accept(verifier, claim)
    if how == "access":
        User.objects.filter(pk=verifier.pk).update(is_active=False)
    else:
        verifier.programme_roles.all().delete()
    assert accept(third, claim).state == "pending"
    assert accept(cast.admin, claim).state == "accepted"


# --- In the database ---------------------------------------------------------------------------------
def test_in_the_database_only_a_rule_decides_without_a_verifier(cast):
    claim = claimed(cast.pi, founded(cast.pi, "startup"), "cuin", "0012345")
    facts = {"state": "accepted", "decided_at": clock.now(), "expires_on": clock.today() + YEAR}
    for rule in ("", "recognised_institution"):  # no rule; a rule that isn't for startups
        with pytest.raises(IntegrityError), transaction.atomic():
            Verification.objects.filter(pk=claim.pk).update(rule=rule, **facts)


# --- Lapses -----------------------------------------------------------------------------------------
def told(kind: str) -> int:
    return OutboxRow.objects.filter(topic="notice", key=kind).count()


def test_owners_are_told_at_each_step_once_and_when_it_is_over(cast, monkeypatch):
    row = cast.organisation.verifications.get()
    last = row.expires_on
    cast.other_organisation.verifications.update(expires_on=last + YEAR)
    counts = {}
    for days in (31, 30, 29, 15, 14, 10, 7, 6, 2, 1, 0, -1, -2, -40):
        monkeypatch.setattr(clock, "today", lambda days=days: last - timedelta(days=days))
        counts[days] = (lapses_remind(), lapses_remind())
    assert {days for days, count in counts.items() if count == (1, 0)} == {30, 14, 7, 1, -1}
    assert set(counts.values()) == {(1, 0), (0, 0)}
    assert (told("verification_lapses"), told("verification_lapsed")) == (4, 1)
    assert OutboxRow.objects.filter(key="verification_lapsed").get().payload["users"] == [cast.pi.code]
    assert cast.organisation.lapsed_on == last


def test_a_missed_step_is_told_once_and_the_latest_only(cast, monkeypatch):
    row = cast.organisation.verifications.get()
    cast.other_organisation.verifications.update(expires_on=row.expires_on + YEAR)
    monkeypatch.setattr(clock, "today", lambda: row.expires_on - timedelta(days=5))
    assert lapses_remind() == 1
    row.refresh_from_db()
    assert row.reminded_days == 7


def test_a_renewed_verification_lapses_in_peace(cast, monkeypatch):
    row = cast.organisation.verifications.get()
    accept(cast.admin, claimed(cast.pi, cast.organisation, "hec", "neduet.edu.pk"), days=700)
    cast.other_organisation.verifications.update(expires_on=row.expires_on + YEAR)
    monkeypatch.setattr(clock, "today", lambda: row.expires_on + timedelta(days=1))
    assert lapses_remind() == 0
    assert Organisation.objects.get(pk=cast.organisation.pk).lapsed_on is None
