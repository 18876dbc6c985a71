"""Who leads a project: handed over with the successor's yes, one principal investigator at every moment."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from allocations.projects import selectors
from allocations.projects.models import HandOver, ProjectMember
from allocations.projects.services import (
    hand_over_accept,
    hand_over_decline,
    hand_over_propose,
    hand_over_withdraw,
    member_cap_set,
    member_leave,
)
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, NotVisible
from portal.foundation.models import AuditRow, OutboxRow
from portal.notices.models import Notice
from portal.people.models import Membership


def propose(cast, actor=None, successor=None, **more):
    return hand_over_propose(
        actor=actor or cast.pi, project=cast.project, successor=successor or cast.member, **more
    )


def roles(cast):
    return {
        member.user: str(member.role) for member in cast.project.members.select_related("user").order_by("pk")
    }


@pytest.mark.parametrize("afterwards", ["manager", "member", "leaves"])
def test_the_successor_says_yes_and_leads(cast, afterwards):
    member_cap_set(actor=cast.pi, member=cast.project.members.get(user=cast.member), gpu_seconds=10)
    hand_over = propose(cast, afterwards=afterwards)
    assert roles(cast)[cast.pi] == "pi"
    assert Notice.objects.filter(user=cast.member, kind="hand_over_proposed").exists()
    OutboxRow.objects.all().delete()
    hand_over_accept(actor=cast.member, hand_over=hand_over)
    rest = {} if afterwards == "leaves" else {cast.pi: afterwards}
    assert roles(cast) == {cast.member: "pi", **rest}
    assert cast.project.members.get(role="pi").cap_gpu_seconds is None
    row = AuditRow.objects.get(action="project_hand_over")
    assert (row.before, row.after) == ({"pi": cast.pi.code}, {"pi": cast.member.code})
    assert OutboxRow.objects.filter(topic="project_members_changed").exists()
    assert Notice.objects.filter(user=cast.pi, kind="hand_over_accepted").exists()


@pytest.mark.parametrize("how", ["decline", "withdraw", "expire", "leave"])
def test_otherwise_everything_stays(cast, how):
    hand_over = propose(cast)
    if how == "decline":
        hand_over_decline(actor=cast.member, hand_over=hand_over)
    elif how == "withdraw":
        hand_over_withdraw(actor=cast.pi, hand_over=hand_over)
    elif how == "leave":
        member_leave(actor=cast.member, project=cast.project)
    else:
        HandOver.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(IllegalState):
        hand_over_accept(actor=cast.member, hand_over=hand_over)
    assert roles(cast)[cast.pi] == "pi"
    assert selectors.hand_over_of(cast.project) is None


def test_nobody_else_answers(cast):
    hand_over = propose(cast)
    for stranger in (cast.pi, cast.admin, cast.outsider):
        for act in (hand_over_accept, hand_over_decline):
            with pytest.raises(NotVisible):
                act(actor=stranger, hand_over=hand_over)
    with pytest.raises(NotAllowed):
        hand_over_withdraw(actor=cast.outsider, hand_over=hand_over)


def test_one_is_asked_at_a_time(cast):
    ProjectMember.objects.create(project=cast.project, user=cast.colleague)
    propose(cast)
    with pytest.raises(IllegalState):
        propose(cast, successor=cast.colleague)


@pytest.mark.parametrize("who", ["pi", "colleague", "stranger", "inactive"])
def test_who_cant_succeed(cast, who):
    """The PI, somebody who isn't in, a member of another organisation, a deactivated one."""
    successor = {"pi": cast.pi, "colleague": cast.colleague, "stranger": cast.outsider}.get(who, cast.member)
    if who == "stranger":
        ProjectMember.objects.create(project=cast.project, user=cast.outsider)
    if who == "inactive":
        cast.member.is_active = False
        cast.member.save()
    with pytest.raises(InvalidInput) as refusal:
        propose(cast, successor=successor)
    assert refusal.value.field == "successor"


def test_while_the_pi_is_there_nobody_else_proposes(cast):
    cast.project.members.filter(user=cast.member).update(role="manager")
    for actor in (cast.member, cast.admin, cast.colleague, cast.outsider):
        with pytest.raises(NotAllowed):
            propose(cast, actor=actor)


@pytest.mark.parametrize("gone", ["deactivated", "left"])
def test_where_the_pi_is_gone_owners_and_admins_do(cast, gone):
    Membership.objects.filter(user=cast.colleague).update(role="owner")
    if gone == "deactivated":
        cast.pi.is_active = False
        cast.pi.save()
    else:
        Membership.objects.filter(user=cast.pi).delete()
    with pytest.raises(NotAllowed):
        propose(cast, actor=cast.member)
    hand_over_withdraw(actor=cast.admin, hand_over=propose(cast, actor=cast.colleague))
    hand_over = propose(cast, actor=cast.admin)
    assert hand_over.afterwards == "leaves"
    hand_over_accept(actor=cast.member, hand_over=hand_over)
    assert roles(cast) == {cast.member: "pi"}


def test_the_database_knows_one_pi_and_no_cap_of_theirs(cast):
    for change in ({"role": "pi"}, {"cap_gpu_seconds": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            cast.project.members.filter(user=cast.member).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        cast.project.members.filter(user=cast.pi).update(cap_gpu_seconds=1)
