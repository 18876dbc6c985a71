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
    NotVisible,
    Refused,
    SecondFactorNeeded,
)
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import Invitation, Membership, Organisation, ProgrammeRole, Verification
from portal.people.selectors import (
    evidence_visible_to,
    organisations_visible_to,
    pending_verifications,
    verifications_visible_to,
    verified_organisations,
)
from portal.people.services import members, organisations, roles, users, verifications
from tests.cast import person

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


# --- Members ----------------------------------------------------------------------------------------
def invite(cast, email, role="member") -> Invitation:
    return members.member_invite(actor=cast.pi, organisation=cast.organisation, email=email, role=role)


def test_an_invited_person_joins(cast):
    asked = invite(cast, cast.outsider.email.upper(), "owner")
    assert OutboxRow.objects.get(key="member_invited").payload["users"] == [cast.outsider.code]
    joined = members.invitation_accept(actor=cast.outsider, invitation=asked)
    assert (joined.organisation, joined.role) == (cast.organisation, "owner")
    assert audited("member_invite").object_code == asked.code
    assert audited("invitation_accepted").actor == cast.outsider.code


def test_a_newcomer_is_invited_by_mail(cast):
    asked = invite(cast, "new@example.pk")
    payload = OutboxRow.objects.get(key="member_invited").payload
    assert payload["to"] == "new@example.pk"
    assert payload["url"] == asked.get_absolute_url()
    assert members.invitation_accept(actor=person("new"), invitation=asked).role == "member"


def test_an_invitation_is_for_its_address_only(cast):
    asked = invite(cast, "new@example.pk")
    with pytest.raises(NotVisible):
        members.invitation_accept(actor=cast.outsider, invitation=asked)
    squatter = person("squatter")
    squatter.emailaddress_set.create(email="new@example.pk", verified=False)
    with pytest.raises(NotVisible):
        members.invitation_accept(actor=squatter, invitation=asked)
    assert not Membership.objects.filter(organisation=cast.organisation, user=squatter).exists()


def test_an_old_invitation_is_closed(cast):
    asked = invite(cast, cast.outsider.email)
    asked.expires_at = clock.now() - timedelta(seconds=1)
    asked.save()
    with pytest.raises(IllegalState):
        members.invitation_accept(actor=cast.outsider, invitation=asked)


def test_inviting_again_renews_the_invitation(cast):
    first, second = invite(cast, "new@example.pk"), invite(cast, "NEW@example.pk")
    first.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "pending")


def test_a_member_is_not_invited(cast):
    with pytest.raises(InvalidInput) as refusal:
        invite(cast, cast.member.email)
    assert refusal.value.field == "email"


def test_open_invitations_are_bounded(cast, monkeypatch):
    monkeypatch.setattr(members, "MOST_OPEN", 1)
    invite(cast, "one@example.pk")
    with pytest.raises(Refused):
        invite(cast, "two@example.pk")


def test_an_invitation_is_declined_or_withdrawn(cast):
    asked = invite(cast, cast.outsider.email)
    with pytest.raises(NotAllowed):
        members.invitation_withdraw(actor=cast.member, invitation=asked)
    members.invitation_decline(actor=cast.outsider, invitation=asked)
    with pytest.raises(IllegalState):
        members.invitation_withdraw(actor=cast.pi, invitation=asked)
    members.invitation_withdraw(actor=cast.pi, invitation=invite(cast, cast.outsider.email))
    assert audited("invitation_declined").actor == cast.outsider.code
    assert audited("invitation_withdrawn").actor == cast.pi.code


def test_the_last_owner_stays(cast):
    with pytest.raises(IllegalState, match="last owner"):
        members.member_remove(actor=cast.pi, organisation=cast.organisation, user=cast.pi)
    with pytest.raises(IllegalState, match="last owner"):
        members.member_role_change(actor=cast.pi, organisation=cast.organisation, user=cast.pi, role="member")
    members.member_role_change(actor=cast.pi, organisation=cast.organisation, user=cast.member, role="owner")
    members.member_remove(actor=cast.pi, organisation=cast.organisation, user=cast.pi)
    assert not cast.organisation.memberships.filter(user=cast.pi).exists()
    assert audited("member_role_change").after == {"member": cast.member.code, "role": "owner"}
    assert audited("member_remove").before == {"member": cast.pi.code, "role": "owner"}


def test_plain_members_may_leave_but_not_manage(cast):
    for stranger in (cast.member, cast.outsider, cast.admin):
        with pytest.raises(NotAllowed):
            members.member_remove(actor=stranger, organisation=cast.organisation, user=cast.colleague)
        with pytest.raises(NotAllowed):
            members.member_invite(
                actor=stranger, organisation=cast.organisation, email="x@example.pk", role="owner"
            )
    members.member_remove(actor=cast.member, organisation=cast.organisation, user=cast.member)
    with pytest.raises(NotVisible):
        members.member_remove(actor=cast.member, organisation=cast.organisation, user=cast.member)


# --- Roles and access -------------------------------------------------------------------------------
def test_an_admin_gives_and_takes_roles(cast):
    row = roles.role_grant(actor=cast.admin, user=cast.member, role="reviewer", reason="Joined the panel")
    assert cast.member.fresh().roles == {"reviewer"}
    roles.role_revoke(actor=cast.admin, role=row, reason="Left the panel")
    assert cast.member.fresh().roles == frozenset()
    assert audited("role_grant").after == {"role": "reviewer"}
    assert audited("role_revoke").reason == "Left the panel"


def test_roles_have_their_gates(cast, settings):
    with pytest.raises(NotAllowed):
        roles.role_grant(actor=cast.council, user=cast.member, role="admin", reason="x")
    with pytest.raises(NotAllowed, match="their own"):
        roles.role_grant(actor=cast.admin, user=cast.admin, role="council", reason="x")
    with pytest.raises(InvalidInput) as refusal:
        roles.role_grant(actor=cast.admin, user=cast.member, role="council", reason=" ")
    assert refusal.value.field == "reason"
    with pytest.raises(InvalidInput) as refusal:
        roles.role_grant(actor=cast.admin, user=cast.member, role="king", reason="x")
    assert refusal.value.field == "role"
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        roles.role_grant(actor=cast.admin, user=cast.member, role="council", reason="x")


def test_scopes_are_for_auditors_and_name_real_things(cast):
    def grant(user, kind, code):
        return roles.scope_grant(actor=cast.admin, user=user, kind=kind, code=code, reason="Agency duty")

    scope = grant(cast.auditor, "organisation", cast.organisation.code)
    assert audited("scope_grant").after == {"kind": "organisation", "code": cast.organisation.code}
    roles.scope_revoke(actor=cast.admin, scope=scope, reason="Duty ended")
    assert audited("scope_revoke").before["code"] == cast.organisation.code
    for user, kind, code, field in [
        (cast.member, "all", "", "kind"),
        (cast.auditor, "organisation", "org-nowhere", "code"),
        (cast.auditor, "site", "Bad Code", "code"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            grant(user, kind, code)
        assert refusal.value.field == field


def test_access_ends_and_comes_back_with_a_reason(cast):
    with pytest.raises(NotAllowed):
        users.user_deactivate(actor=cast.council, user=cast.member, reason="x")
    with pytest.raises(NotAllowed):
        users.user_deactivate(actor=cast.admin, user=cast.admin, reason="x")
    users.user_deactivate(actor=cast.admin, user=cast.member, reason="Left the country")
    assert not cast.member.fresh().is_active
    users.user_reactivate(actor=cast.admin, user=cast.member, reason="Back")
    assert cast.member.fresh().is_active
    assert audited("user_deactivate").reason == "Left the country"
    assert audited("user_reactivate").after == {"is_active": True}


def test_inviting_again_and_again_floods_nobody(cast):
    invite = {"actor": cast.pi, "organisation": cast.organisation, "role": "member"}
    for _ in range(5):
        members.member_invite(**invite, email="stranger@example.pk")
    with pytest.raises(Refused, match="within a day") as refused:
        members.member_invite(**invite, email="stranger@example.pk")
    assert "tomorrow" in refused.value.remedy
    members.member_invite(**invite, email="other@example.pk")
