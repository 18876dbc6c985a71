"""Organisations, their members and their verification, through the services."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from portal.foundation import clock
from portal.foundation.errors import (
    IllegalState,
    InvalidInput,
    NotAllowed,
    SecondFactorNeeded,
)
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import Membership, Organisation, ProgrammeRole, Verification
from portal.people.selectors import (
    evidence_visible_to,
    organisations_visible_to,
    pending_verifications,
    verifications_visible_to,
    verified_organisations,
)
from portal.people.services import members, organisations, verifications

PDF = b"%PDF-1.7 illustrative"
NEXT_YEAR = timedelta(days=365)


def pdf(content: bytes = PDF, name: str = "evidence.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def found(owner, kind="startup", name="Fresh Labs") -> Organisation:
    return organisations.organisation_create(actor=owner, name=name, kind=kind, province="sindh")


def claim(owner, organisation, kind="cuin", identifier="0012345", upload=None) -> Verification:
    return verifications.verification_submit(
        actor=owner,
        organisation=organisation,
        identifier_kind=kind,
        identifier=identifier,
        upload=upload or pdf(),
    )


def audited(action: str) -> AuditRow:
    return AuditRow.objects.get(action=action)


# --- Founding and describing ------------------------------------------------------------------------
def test_who_founds_an_organisation_owns_it(cast):
    body = found(cast.pi)
    assert body.memberships.get().user == cast.pi
    assert body.memberships.get().role == Membership.Role.OWNER
    assert not body.is_verified
    row = audited("organisation_create")
    assert (row.actor, row.object_code, row.after["name"]) == (cast.pi.code, body.code, "Fresh Labs")


def test_only_owners_describe_it(cast):
    for stranger in (cast.member, cast.outsider, cast.admin):
        with pytest.raises(NotAllowed):
            organisations.organisation_update(
                actor=stranger, organisation=cast.organisation, name="Mine", province="kp", website=""
            )


@pytest.mark.parametrize("change", [{"name": "Other"}, {"province": "kp"}, {"women_led": True}])
def test_what_was_verified_stands_still(cast, change):
    facts = {"name": "NED University", "province": "sindh", "website": ""}
    with pytest.raises(IllegalState) as refusal:
        organisations.organisation_update(actor=cast.pi, organisation=cast.organisation, **(facts | change))
    assert refusal.value.field == next(iter(change))
    changed = organisations.organisation_update(
        actor=cast.pi, organisation=cast.organisation, **(facts | {"website": "https://ned.example.pk"})
    )
    assert changed.website == "https://ned.example.pk"
    assert audited("organisation_update").before == {"website": ""}
    # Before anything is verified all of it may change.
    body = organisations.organisation_update(actor=cast.pi, organisation=found(cast.pi), **(facts | change))
    assert getattr(body, next(iter(change))) == next(iter(change.values()))


# --- Who sees what ----------------------------------------------------------------------------------
def test_members_see_their_own_and_verifiers_all(cast):
    assert list(organisations_visible_to(cast.member)) == [cast.organisation]
    assert list(organisations_visible_to(cast.outsider)) == [cast.other_organisation]
    assert not organisations_visible_to(cast.reviewer).exists()
    for reader in (cast.admin, cast.council, cast.auditor):
        assert organisations_visible_to(reader).count() == 2


def test_an_auditors_scope_bounds_what_they_see(cast):
    scope = cast.auditor.auditor_scopes.get()
    scope.kind, scope.code = "organisation", cast.other_organisation.code
    scope.save()
    assert list(organisations_visible_to(cast.auditor.fresh())) == [cast.other_organisation]


def test_evidence_is_for_owners_and_verifiers(cast):
    claimed = claim(cast.pi, found(cast.pi))
    assert evidence_visible_to(cast.pi).get() == claimed
    assert evidence_visible_to(cast.admin).get() == claimed
    for stranger in (cast.member, cast.outsider, cast.auditor, cast.council):
        assert not evidence_visible_to(stranger).exists()
    assert claimed not in verifications_visible_to(cast.outsider)


# --- Identifiers and evidence -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "identifier_kind", "typed", "kept"),
    [
        ("startup", "cuin", "0012345", "0012345"),
        ("startup", "cuin", " ۰۰۱۲۳۴۵ ", "0012345"),
        ("startup", "cuin", "٠٠١٢٣٤٥", "0012345"),
        ("startup", "ntn", "1234567-8", "1234567-8"),
        ("startup", "ntn", "1234567", "1234567"),
        ("academic", "hec", "NEDUET.edu.pk", "neduet.edu.pk"),
    ],
)
def test_identifiers_are_folded(cast, kind, identifier_kind, typed, kept):
    assert claim(cast.pi, found(cast.pi, kind), identifier_kind, typed).identifier == kept


@pytest.mark.parametrize(
    ("kind", "identifier_kind", "typed", "remedy"),
    [
        ("startup", "cuin", "12345", "7 digits"),
        ("startup", "cuin", "00123456", "7 digits"),
        ("startup", "ntn", "1234567-89", "check digit"),
        ("academic", "hec", "ned university", "edu.pk"),
        ("academic", "hec", "harvard.edu", "edu.pk"),
        ("agency", "gov", "focal@crops.org.pk", "gov.pk"),
        ("agency", "gov", "focal@notgov.pk", "gov.pk"),
    ],
)
def test_a_misspelt_identifier_is_named_with_its_remedy(cast, kind, identifier_kind, typed, remedy):
    with pytest.raises(InvalidInput) as refusal:
        claim(cast.pi, found(cast.pi, kind), identifier_kind, typed)
    assert refusal.value.field == "identifier"
    assert remedy in str(refusal.value.remedy)
    assert not OutboxRow.objects.exists()


def test_the_kind_must_fit_the_class(cast):
    with pytest.raises(InvalidInput) as refusal:
        claim(cast.pi, found(cast.pi, "academic"), "cuin")
    assert refusal.value.field == "identifier_kind"


def test_an_agencys_focal_person_proves_the_address(cast):
    body = found(cast.pi, "agency")
    with pytest.raises(InvalidInput) as refusal:
        claim(cast.pi, body, "gov", "focal@crops.gov.pk")
    assert refusal.value.field == "identifier"
    cast.pi.emailaddress_set.create(email="Focal@crops.gov.pk", verified=True)
    assert claim(cast.pi.fresh(), body, "gov", "focal@crops.gov.pk").state == "pending"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Attach"),
        (b"MZ\x90 a program", "no PDF"),
        (b"<html>%PDF-</html>", "no PDF"),
        (PDF + b"x" * (10 * 2**20), "10 MB"),
    ],
)
def test_evidence_is_judged_by_its_content(cast, content, says):
    with pytest.raises(InvalidInput) as refusal:
        claim(cast.pi, found(cast.pi), upload=pdf(content))
    assert refusal.value.field == "evidence"
    assert says in str(refusal.value.message)
    assert not Verification.objects.filter(state="pending").exists()


def test_evidence_is_kept_under_our_own_name(cast):
    claimed = claim(cast.pi, found(cast.pi), upload=pdf(b"\x89PNG\r\n\x1a\n...", "../../etc/x.exe"))
    assert claimed.evidence.name.endswith(f"{claimed.code}.png")
    assert audited("verification_submit").after["evidence_sha256"]


# --- Verification -----------------------------------------------------------------------------------
def test_a_verifier_vouches_until_a_day(cast):
    claimed = claim(cast.pi, found(cast.pi))
    until = clock.today() + NEXT_YEAR
    decided = verifications.verification_accept(actor=cast.admin, verification=claimed, expires_on=until)
    assert decided.organisation.is_verified
    assert decided.organisation in verified_organisations()
    row = audited("verification_accept")
    assert (row.actor, row.before["state"], row.after["state"]) == (cast.admin.code, "pending", "accepted")
    told = OutboxRow.objects.get(topic="notice", key="verification_accepted").payload
    assert told["users"] == [cast.pi.code]


def test_a_verification_ends_with_its_last_day(cast):
    word = cast.organisation.verifications.get()
    word.expires_on = clock.today()
    word.save()
    assert Organisation.objects.get(pk=cast.organisation.pk).is_verified
    word.expires_on = clock.today() - timedelta(days=1)
    word.save()
    assert not Organisation.objects.get(pk=cast.organisation.pk).is_verified
    assert cast.organisation not in verified_organisations()
    again = claim(cast.pi, cast.organisation, "hec", "neduet.edu.pk")
    verifications.verification_accept(
        actor=cast.admin, verification=again, expires_on=clock.today() + NEXT_YEAR
    )
    assert Organisation.objects.get(pk=cast.organisation.pk).is_verified


@pytest.mark.parametrize("who", ["pi", "member", "colleague", "outsider", "council", "reviewer", "auditor"])
def test_nobody_else_decides(cast, who):
    claimed = claim(cast.pi, cast.organisation, "hec", "neduet.edu.pk")
    with pytest.raises(NotAllowed):
        verifications.verification_refuse(actor=getattr(cast, who), verification=claimed, reason="no")
    claimed.refresh_from_db()
    assert claimed.state == "pending"


def test_nobody_verifies_their_own(cast):
    ProgrammeRole.objects.create(user=cast.pi, role="verifier")
    claimed = claim(cast.pi, cast.organisation, "hec", "neduet.edu.pk")
    with pytest.raises(NotAllowed):
        verifications.verification_accept(
            actor=cast.pi.fresh(), verification=claimed, expires_on=clock.today() + NEXT_YEAR
        )
    # Leaving the organisation doesn't help who asked for it; the database refuses it too.
    members.member_role_change(actor=cast.pi, organisation=cast.organisation, user=cast.member, role="owner")
    members.member_remove(actor=cast.pi, organisation=cast.organisation, user=cast.pi)
    with pytest.raises(NotAllowed):
        verifications.verification_accept(
            actor=cast.pi.fresh(), verification=claimed, expires_on=clock.today() + NEXT_YEAR
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.filter(pk=claimed.pk).update(verifier=cast.pi, decided_at=clock.now())


def test_a_verifier_who_is_a_member_has_no_say(cast):
    Membership.objects.create(organisation=cast.organisation, user=cast.admin)
    claimed = claim(cast.pi, cast.organisation, "hec", "neduet.edu.pk")
    with pytest.raises(NotAllowed):
        verifications.verification_refuse(actor=cast.admin.fresh(), verification=claimed, reason="no")
    assert pending_verifications(cast.admin.fresh()) == 0


def test_deciding_needs_a_second_factor(cast, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    claimed = claim(cast.pi, found(cast.pi))
    until = clock.today() + NEXT_YEAR
    with pytest.raises(SecondFactorNeeded):
        verifications.verification_accept(actor=cast.admin, verification=claimed, expires_on=until)
    cast.admin.authenticator_set.create(type="totp", data={})
    verifications.verification_accept(actor=cast.admin.fresh(), verification=claimed, expires_on=until)


def test_a_refusal_needs_a_reason_and_is_final(cast):
    claimed = claim(cast.pi, found(cast.pi))
    with pytest.raises(InvalidInput) as refusal:
        verifications.verification_refuse(actor=cast.admin, verification=claimed, reason="  ")
    assert refusal.value.field == "reason"
    verifications.verification_refuse(actor=cast.admin, verification=claimed, reason="Unreadable scan")
    assert audited("verification_refuse").reason == "Unreadable scan"
    with pytest.raises(IllegalState):
        verifications.verification_accept(
            actor=cast.admin, verification=claimed, expires_on=clock.today() + NEXT_YEAR
        )


@pytest.mark.parametrize("days", [0, -1, 4 * 365])
def test_the_end_lies_within_three_years(cast, days):
    claimed = claim(cast.pi, found(cast.pi))
    with pytest.raises(InvalidInput) as refusal:
        verifications.verification_accept(
            actor=cast.admin, verification=claimed, expires_on=clock.today() + timedelta(days=days)
        )
    assert refusal.value.field == "expires_on"


def test_one_claim_is_open_at_a_time(cast):
    body = found(cast.pi)
    first = claim(cast.pi, body)
    with pytest.raises(IllegalState):
        claim(cast.pi, body)
    verifications.verification_withdraw(actor=cast.pi, verification=first)
    assert audited("verification_withdraw").after["state"] == "withdrawn"
    claim(cast.pi, body)


def test_a_revoked_verification_no_longer_counts(cast):
    word = cast.organisation.verifications.get()
    verifications.verification_revoke(actor=cast.admin, verification=word, reason="Charter withdrawn")
    assert not Organisation.objects.get(pk=cast.organisation.pk).is_verified
    assert audited("verification_revoke").before["state"] == "accepted"
