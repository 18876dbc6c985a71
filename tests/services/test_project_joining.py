"""Ways into a project: invitations and links; nobody is in without their own yes."""

from datetime import timedelta

import pytest

from allocations.projects import selectors
from allocations.projects.handlers import end_what_they_offered
from allocations.projects.models import ProjectInvitation, ProjectLink
from allocations.projects.services import (
    invitation_accept,
    invitation_decline,
    invitation_resend,
    invitation_withdraw,
    link_join,
    link_make,
    link_of,
    link_revoke,
    member_leave,
    member_role_change,
    project_archive,
    project_invite,
)
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, NotVisible, Refused
from portal.foundation.models import AuditRow, OutboxRow
from portal.foundation.services import audit
from portal.notices.models import Notice
from tests.cast import person


@pytest.fixture
def invited(cast):
    return project_invite(actor=cast.pi, project=cast.project, email=f" {cast.outsider.email.upper()} ")


def outdate(thing):
    type(thing).objects.filter(pk=thing.pk).update(expires_at=clock.now() - timedelta(seconds=1))


# --- Invitations ------------------------------------------------------------------------------------
def test_taking_it_back_and_inviting_again_floods_nobody(cast):
    invite = {"actor": cast.pi, "project": cast.project, "email": "stranger@example.pk"}
    for _ in range(5):
        invitation_withdraw(actor=cast.pi, invitation=project_invite(**invite))
    with pytest.raises(Refused, match="within a day") as refused:
        project_invite(**invite)
    assert "tomorrow" in refused.value.remedy
    project_invite(**{**invite, "email": "other@example.pk"})


def test_a_hundred_mails_a_day_leave_one_project(cast, invited):
    """Whoever they go to: the hundredth does, the next waits until tomorrow."""
    for _ in range(98):
        audit.record(actor=cast.pi, action="project_invitation_resend", target=invited)
    project_invite(actor=cast.pi, project=cast.project, email="hundredth@example.pk")
    with pytest.raises(Refused, match="100 invitations within a day") as refused:
        project_invite(actor=cast.pi, project=cast.project, email="next@example.pk")
    assert "tomorrow" in refused.value.remedy


def test_being_invited_isnt_being_in(cast, invited):
    assert invited.email == cast.outsider.email
    assert not selectors.visible_to(cast.outsider).exists()
    assert Notice.objects.get(user=cast.outsider).url == invited.get_absolute_url()
    assert not OutboxRow.objects.filter(topic="project_members_changed").exists()


def test_accepting_makes_a_member_and_tells_pi_and_audit(cast, invited):
    member = invitation_accept(actor=cast.outsider, invitation=invited)
    assert (member.project, member.user, member.role) == (cast.project, cast.outsider, "member")
    row = AuditRow.objects.get(action="project_member_join")
    assert (row.actor, row.after["by"]) == (cast.outsider.code, invited.code)
    assert OutboxRow.objects.get(topic="project_members_changed").payload == {"project": cast.project.code}
    assert Notice.objects.filter(user=cast.pi, kind="project_member_joined").exists()
    with pytest.raises(IllegalState):
        invitation_accept(actor=cast.outsider, invitation=invited)


def test_an_address_without_a_login_gets_mail_and_joins_once_it_is_proved(cast):
    invitation = project_invite(actor=cast.pi, project=cast.project, email="new@example.pk", role="manager")
    mail = OutboxRow.objects.get(topic="mail")
    assert mail.payload["to"] == "new@example.pk"
    assert mail.payload["url"] == invitation.get_absolute_url()
    newcomer = person("new")
    newcomer.emailaddress_set.update(verified=False)
    with pytest.raises(NotVisible):
        invitation_accept(actor=newcomer.fresh(), invitation=invitation)
    newcomer.emailaddress_set.update(verified=True)
    assert list(selectors.open_invitations_to(newcomer.fresh())) == [invitation]
    assert invitation_accept(actor=newcomer.fresh(), invitation=invitation).role == "manager"


def test_it_is_nobody_elses_to_answer(cast, invited):
    for stranger in (cast.colleague, cast.pi, cast.admin):
        with pytest.raises(NotVisible):
            invitation_accept(actor=stranger, invitation=invited)
        with pytest.raises(NotVisible):
            invitation_decline(actor=stranger, invitation=invited)


@pytest.mark.parametrize("how", ["decline", "withdraw", "expire", "archive"])
def test_what_is_closed_lets_nobody_in(cast, invited, how):
    if how == "decline":
        invitation_decline(actor=cast.outsider, invitation=invited)
        assert Notice.objects.filter(user=cast.pi, kind="project_invitation_declined").exists()
    elif how == "withdraw":
        invitation_withdraw(actor=cast.pi, invitation=invited)
    elif how == "expire":
        outdate(invited)
    else:
        project_archive(actor=cast.pi, project=cast.project)
    with pytest.raises(IllegalState):
        invitation_accept(actor=cast.outsider, invitation=invited)
    assert not cast.project.members.filter(user=cast.outsider).exists()
    assert not selectors.open_invitations_to(cast.outsider).exists()


def test_sending_again_revives_what_is_out_of_date_but_not_every_minute(cast, invited):
    with pytest.raises(Refused):
        invitation_resend(actor=cast.pi, invitation=invited)
    long_ago = clock.now() - timedelta(days=20)
    ProjectInvitation.objects.update(updated_at=long_ago, expires_at=long_ago)
    invitation_resend(actor=cast.pi, invitation=invited)
    assert Notice.objects.filter(user=cast.outsider, kind="project_invited").count() == 2
    invitation_accept(actor=cast.outsider, invitation=invited)
    with pytest.raises(IllegalState):
        invitation_resend(actor=cast.pi, invitation=invited)


@pytest.mark.parametrize("email", ["", "nobody", "member@example.pk", "outsider@example.pk"])
def test_whom_one_cant_invite(cast, invited, email):
    """No address, a member's, one that is invited already."""
    with pytest.raises(InvalidInput) as refusal:
        project_invite(actor=cast.pi, project=cast.project, email=email)
    assert refusal.value.field == "email"
    assert refusal.value.remedy


def test_nobody_is_invited_as_pi(cast):
    with pytest.raises(InvalidInput) as refusal:
        project_invite(actor=cast.pi, project=cast.project, email=cast.colleague.email, role="pi")
    assert refusal.value.field == "role"


def test_only_pi_and_managers_invite_withdraw_and_send_again(cast, invited):
    for actor in (cast.member, cast.outsider, cast.admin):
        for act in (invitation_withdraw, invitation_resend):
            with pytest.raises(NotAllowed):
                act(actor=actor, invitation=invited)
        with pytest.raises(NotAllowed):
            link_make(actor=actor, project=cast.project)


# --- Links ------------------------------------------------------------------------------------------
def test_the_secret_rests_nowhere(cast):
    link, secret = link_make(actor=cast.pi, project=cast.project)
    assert len(secret) >= 43  # 256 bits
    assert secret not in str([ProjectLink.objects.values(), AuditRow.objects.values("before", "after")])
    assert link_of(secret) == link
    for wrong in ("", "x", secret[:-1], link.digest, link.code):
        with pytest.raises(NotVisible):
            link_of(wrong)


def test_joining_by_link_counts_its_uses(cast):
    link, _secret = link_make(actor=cast.pi, project=cast.project, role="manager", most_uses=1)
    member = link_join(actor=cast.outsider, link=link)
    assert member.role == "manager"
    link.refresh_from_db()
    assert (link.uses, link.is_open) == (1, False)
    with pytest.raises(IllegalState) as refusal:
        link_join(actor=cast.colleague, link=link)
    assert refusal.value.code == "link_closed"
    assert AuditRow.objects.get(action="project_member_join").after["by"] == link.code


def test_who_is_in_already_uses_none_up(cast):
    link, _secret = link_make(actor=cast.pi, project=cast.project, most_uses=1)
    with pytest.raises(IllegalState) as refusal:
        link_join(actor=cast.member, link=link)
    assert refusal.value.code == "member_already"
    link_join(actor=cast.outsider, link=link)


@pytest.mark.parametrize("how", ["revoke", "expire", "archive", "maker_leaves", "maker_deactivated"])
def test_a_closed_link_lets_nobody_in(cast, how):
    cast.project.members.filter(user=cast.member).update(role="manager")
    link, secret = link_make(actor=cast.member, project=cast.project)
    if how == "revoke":
        link_revoke(actor=cast.pi, link=link)
    elif how == "expire":
        outdate(link)
    elif how == "archive":
        project_archive(actor=cast.pi, project=cast.project)
    elif how == "maker_leaves":
        member_leave(actor=cast.member, project=cast.project)
    else:
        end_what_they_offered({"user": cast.member.code})
    with pytest.raises(NotVisible):
        link_of(secret)
    with pytest.raises(IllegalState):
        link_join(actor=cast.outsider, link=link)


def test_who_never_proved_an_address_joins_nothing(cast):
    link, _secret = link_make(actor=cast.pi, project=cast.project)
    cast.outsider.emailaddress_set.update(verified=False)
    with pytest.raises(NotAllowed):
        link_join(actor=cast.outsider.fresh(), link=link)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("role", {"role": "pi"}),
        ("expires_at", {"expires_at": clock.now() - timedelta(days=1)}),
        ("expires_at", {"expires_at": clock.now() + timedelta(days=91)}),
        ("most_uses", {"most_uses": 0}),
    ],
)
def test_a_link_that_cant_be_right(cast, field, changes):
    with pytest.raises(InvalidInput) as refusal:
        link_make(actor=cast.pi, project=cast.project, **changes)
    assert refusal.value.field == field


# --- Who offered it ---------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["demoted", "left"])
def test_offers_of_who_manages_no_more_are_closed(cast, how):
    member = cast.project.members.select_related("project", "user").get(user=cast.member)
    member.role = "manager"
    member.store("role")
    offered = {"project": cast.project, "role": "manager"}
    link, _secret = link_make(actor=cast.member, **offered)
    asked = project_invite(actor=cast.member, email=cast.outsider.email, **offered)
    kept = project_invite(actor=cast.pi, email="kept@example.pk", **offered)
    if how == "demoted":
        member_role_change(actor=cast.pi, member=member, role="member")
    else:
        member_leave(actor=cast.member, project=cast.project)
    for join in (
        lambda: invitation_accept(actor=cast.outsider, invitation=asked),
        lambda: link_join(actor=cast.outsider, link=link),
    ):
        with pytest.raises(IllegalState):
            join()
    kept.refresh_from_db()
    assert kept.is_open
