"""Members of organisations, invitations, roles and the end of access, through the services."""

from datetime import timedelta

import pytest

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
from portal.people.models import Invitation, Membership
from portal.people.services import members, roles, users
from tests.cast import person


def audited(action: str) -> AuditRow:
    return AuditRow.objects.get(action=action)


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


def test_invitations_of_who_owns_it_no_more_are_withdrawn(cast):
    members.member_role_change(
        actor=cast.pi, organisation=cast.organisation, user=cast.member, role=Membership.Role.OWNER
    )
    asked = members.member_invite(
        actor=cast.member, organisation=cast.organisation, email=cast.outsider.email, role="owner"
    )
    kept = invite(cast, "kept@example.pk")
    members.member_role_change(
        actor=cast.pi, organisation=cast.organisation, user=cast.member, role=Membership.Role.MEMBER
    )
    with pytest.raises(IllegalState):
        members.invitation_accept(actor=cast.outsider, invitation=asked)
    kept.refresh_from_db()
    assert kept.is_open


def test_an_auditors_scopes_go_with_the_role(cast):
    role = cast.auditor.programme_roles.get()
    roles.role_revoke(actor=cast.admin, role=role, reason="Left")
    assert audited("role_revoke").before == {"role": "auditor", "scopes": ["all:"]}
    roles.role_grant(actor=cast.admin, user=cast.auditor, role="auditor", reason="Back")
    assert not cast.auditor.auditor_scopes.exists()
