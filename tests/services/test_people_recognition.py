"""Recognised institutions: joined by address, verified by rule, managed by nobody until one is confirmed."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils.formats import date_format

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
from portal.people.models import (
    Invitation,
    Membership,
    Organisation,
    OwnershipRequest,
    RecognisedInstitution,
    Removal,
    User,
)
from portal.people.selectors import institution_of, ownership_requests_visible_to, pending_verifications
from portal.people.services import members, organisations, ownership, verifications
from portal.people.services.institutions import institution_update
from portal.people.services.recognition import institution_join, join_offer
from tests.cast import person

pytestmark = pytest.mark.django_db
State = OwnershipRequest.State


@pytest.fixture
def institution() -> RecognisedInstitution:
    return RecognisedInstitution.objects.create(
        name="Margalla Institute", domains=["margalla.edu.pk"], province="islamabad", source="HEC, 2026"
    )


def at(address: str, name: str = "newcomer") -> User:
    user = person(name)
    user.emailaddress_set.create(email=address, verified=True)
    return user


@pytest.fixture
def first(cast, institution) -> User:
    user = at("ali@margalla.edu.pk", "first")
    institution_join(actor=user)
    return user


@pytest.fixture
def body(first) -> Organisation:
    return Organisation.objects.get(name="Margalla Institute")


def ask(user: User, organisation: Organisation) -> OwnershipRequest:
    return ownership.ownership_ask(actor=user, organisation=organisation, reason="I am its registrar.")


# --- Joining ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["Ali@margalla.edu.pk", "ali@students.margalla.edu.pk"])
def test_whoever_comes_first_joins_and_owns_nothing(cast, institution, address):
    user = at(address)
    assert join_offer(user) == institution
    joined = institution_join(actor=user)
    fresh = Organisation.objects.get(pk=joined.pk)
    assert (fresh.is_verified, fresh.name, fresh.province) == (True, "Margalla Institute", "islamabad")
    done = fresh.verifications.get()
    assert (done.verifier, done.rule) == (None, "recognised_institution")
    assert fresh.memberships.get().role == Membership.Role.MEMBER
    assert cast.admin.code in OutboxRow.objects.get(key="verification_by_rule").payload["users"]
    assert join_offer(user.fresh()) is None
    with pytest.raises(IllegalState):
        institution_join(actor=user.fresh())
    for act in (
        lambda: members.member_invite(actor=user, organisation=fresh, email="x@y.pk", role="owner"),
        lambda: members.member_role_change(actor=user, organisation=fresh, user=user, role="owner"),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_those_who_follow_join_the_same(first, body):
    second = at("sara@margalla.edu.pk", "second")
    assert institution_join(actor=second) == body
    assert set(body.memberships.values_list("role", flat=True)) == {"member"}
    assert AuditRow.objects.filter(action="institution_join").count() == 2
    assert body.verifications.count() == 1


@pytest.mark.parametrize(
    "address", ["ali@other.edu.pk", "ali@notmargalla.edu.pk", "ali@margalla.edu.pk.evil.pk"]
)
def test_edu_pk_alone_proves_nothing(cast, institution, address):
    user = at(address)
    assert join_offer(user) is None
    with pytest.raises(Refused):
        institution_join(actor=user)


def test_an_unproved_address_or_a_closed_entry_proves_nothing(cast, institution):
    user = person("newcomer")
    user.emailaddress_set.create(email="ali@margalla.edu.pk", verified=False)
    with pytest.raises(Refused):
        institution_join(actor=user)
    user.emailaddress_set.update(verified=True)
    RecognisedInstitution.objects.update(is_active=False)
    with pytest.raises(Refused):
        institution_join(actor=user.fresh())


def test_one_whom_a_verifier_accepted_before_is_joined(cast, institution):
    cast.organisation.verifications.update(identifier="margalla.edu.pk")
    assert institution_join(actor=at("ali@margalla.edu.pk")) == cast.organisation
    assert cast.organisation.memberships.filter(role="owner").get().user == cast.pi


def test_a_lapsed_one_is_renewed_but_not_what_a_verifier_took_back(cast, first, body):
    body.verifications.update(expires_on="2026-01-01")
    institution_join(actor=first.fresh())
    latest = body.verifications.first()
    assert latest.is_in_force
    verifications.verification_revoke(actor=cast.admin, verification=latest, reason="A student's joke")
    assert join_offer(first.fresh()) is None
    with pytest.raises(IllegalState):
        institution_join(actor=first.fresh())
    institution_join(actor=at("sara@margalla.edu.pk", "second"))  # joins, but verifies nothing
    assert not Organisation.objects.get(pk=body.pk).is_verified
    # Nobody owns it: who had asked is told.
    told = OutboxRow.objects.get(key="verification_revoked").payload["users"]
    assert told == [first.code]


def test_of_two_domains_the_nearer_counts(cast, institution):
    college = RecognisedInstitution.objects.create(
        name="A College", domains=["med.margalla.edu.pk"], province="islamabad", source="HEC"
    )
    for host, listed in (
        ("x.med.margalla.edu.pk", college),
        ("med.margalla.edu.pk", college),
        ("cs.margalla.edu.pk", institution),
    ):
        assert institution_of(host) == listed


def test_of_two_institutions_the_one_that_is_left_is_joined(cast, institution, first, body):
    other = RecognisedInstitution.objects.create(
        name="Zhob College",
        domains=["zhob.edu.pk"],
        province="balochistan",
        source="HEC",
        focal_email="dean@zhob.edu.pk",
    )
    first.emailaddress_set.create(email="dean@zhob.edu.pk", verified=True)
    assert join_offer(first.fresh()) == other
    second = institution_join(actor=first.fresh())
    assert (second.institution, second.memberships.get().role) == (other, "owner")
    assert join_offer(first.fresh()) is None


# --- Being taken out --------------------------------------------------------------------------------
@pytest.fixture
def owner(body) -> User:
    registrar = at("registrar@margalla.edu.pk", "registrar")
    Membership.objects.create(organisation=body, user=registrar, role=Membership.Role.OWNER)
    return registrar


def invited(owner: User, body: Organisation) -> Invitation:
    return members.member_invite(actor=owner, organisation=body, email="ali@margalla.edu.pk", role="member")


def test_who_was_taken_out_doesnt_walk_back_in(first, body, owner):
    members.member_remove(actor=owner, organisation=body, user=first)
    assert join_offer(first.fresh()) is None
    with pytest.raises(Refused) as refusal:
        institution_join(actor=first.fresh())
    assert "owner" in str(refusal.value.remedy)
    members.invitation_accept(actor=first.fresh(), invitation=invited(owner, body))
    assert not Removal.objects.exists()


def test_nor_by_an_invitation_from_before(first, body, owner):
    body.memberships.filter(user=first).delete()
    earlier = invited(owner, body)
    institution_join(actor=first.fresh())
    members.member_remove(actor=owner, organisation=body, user=first.fresh())
    with pytest.raises(IllegalState):
        members.invitation_accept(actor=first.fresh(), invitation=earlier)


def test_who_left_may_come_back(first, body):
    members.member_remove(actor=first, organisation=body, user=first)
    assert join_offer(first.fresh()) is not None
    assert institution_join(actor=first.fresh()) == body


def test_only_owners_let_in_again_and_admins_where_there_are_none(cast, first, body, owner):
    members.member_remove(actor=owner, organisation=body, user=first)
    for stranger in (first.fresh(), cast.outsider, cast.admin):
        with pytest.raises(NotAllowed):
            members.member_readmit(actor=stranger, organisation=body, user=first)
    members.member_readmit(actor=owner, organisation=body, user=first)
    assert OutboxRow.objects.get(key="member_readmitted").payload["users"] == [first.code]
    with pytest.raises(NotVisible):
        members.member_readmit(actor=owner, organisation=body, user=first)
    institution_join(actor=first.fresh())
    members.member_remove(actor=owner, organisation=body, user=first.fresh())
    User.objects.filter(pk=owner.pk).update(is_active=False)
    members.member_readmit(actor=cast.admin, organisation=body, user=first)
    assert join_offer(first.fresh()) is not None


# --- Who manages it ---------------------------------------------------------------------------------
def test_an_admin_confirms_who_manages_it(cast, first, body):
    second = at("sara@margalla.edu.pk", "second")
    institution_join(actor=second)
    before = pending_verifications(cast.admin.fresh())
    asked, other = ask(first, body), ask(second, body)
    assert pending_verifications(cast.admin.fresh()) == before + 2
    assert cast.admin.code in OutboxRow.objects.filter(key="ownership_asked").first().payload["users"]
    done = ownership.ownership_confirm(actor=cast.admin, asked=asked)
    assert (done.state, done.decided_by) == (State.CONFIRMED, cast.admin)
    assert body.memberships.get(role="owner").user == first
    other.refresh_from_db()
    assert other.state == State.DECLINED
    assert "First" in other.answer
    with pytest.raises(IllegalState):
        ownership.ownership_decline(actor=cast.admin, asked=other, reason="Too late")
    with pytest.raises(NotAllowed):
        ask(second, body)
    # From now on its owner manages it, but it is called and placed as listed.
    body.verifications.update(expires_on="2026-01-01")
    with pytest.raises(IllegalState) as refusal:
        organisations.organisation_update(
            actor=first, organisation=body, name="First's", province="islamabad", website=""
        )
    assert refusal.value.field == "name"


def test_who_may_ask_and_who_may_answer(cast, first, body, settings):
    for stranger in (cast.outsider, cast.admin, cast.council):
        with pytest.raises(NotAllowed):
            ask(stranger, body)
    with pytest.raises(NotAllowed):
        ask(cast.member, cast.organisation)  # somebody manages it
    with pytest.raises(InvalidInput):
        ownership.ownership_ask(actor=first, organisation=body, reason=" ")
    asked = ask(first, body)
    with pytest.raises(IllegalState):
        ask(first, body)
    for stranger in (first, cast.outsider, cast.council, cast.reviewer):
        with pytest.raises(NotAllowed):
            ownership.ownership_confirm(actor=stranger, asked=asked)
        with pytest.raises(NotAllowed):
            ownership.ownership_decline(actor=stranger, asked=asked, reason="No")
    assert set(ownership_requests_visible_to(cast.admin)) == {asked}
    assert not ownership_requests_visible_to(cast.outsider).exists()
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        ownership.ownership_confirm(actor=cast.admin, asked=asked)
    with pytest.raises(SecondFactorNeeded):
        members.member_role_change(actor=cast.admin, organisation=body, user=first, role="owner")
    settings.REQUIRE_SECOND_FACTOR = False
    with pytest.raises(NotAllowed):
        ownership.ownership_withdraw(actor=cast.admin, asked=asked)
    assert ownership.ownership_withdraw(actor=first, asked=asked).state == State.WITHDRAWN
    second = at("sara@margalla.edu.pk", "second")
    institution_join(actor=second)
    asked = ask(second, body)
    with pytest.raises(InvalidInput):
        ownership.ownership_decline(actor=cast.admin, asked=asked, reason="")


def test_asking_again_and_again_floods_no_admin(cast, first, body, monkeypatch):
    ownership.ownership_withdraw(actor=first, asked=ask(first, body))
    again = clock.today() + timedelta(days=ownership.PAUSE_DAYS)
    with pytest.raises(Refused) as refusal:
        ask(first, body)
    assert date_format(again, "j M Y") in str(refusal.value.remedy)
    assert OutboxRow.objects.filter(key="ownership_asked").count() == 1
    monkeypatch.setattr(clock, "today", lambda: again)
    ownership.ownership_decline(actor=cast.admin, asked=ask(first, body), reason="No")
    monkeypatch.undo()
    with pytest.raises(Refused):
        ask(first, body)


def test_an_admin_who_belongs_to_it_never_makes_themself_owner(cast, first, body):
    Membership.objects.create(organisation=body, user=cast.admin)
    admin = cast.admin.fresh()
    asked = ask(admin, body)
    for act in (
        lambda: ownership.ownership_confirm(actor=admin, asked=asked),
        lambda: members.member_role_change(actor=admin, organisation=body, user=admin, role="owner"),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(IntegrityError), transaction.atomic():
        OwnershipRequest.objects.update(state="confirmed", decided_by=admin)


def test_the_listed_focal_person_manages_it_at_once(cast, institution, first, body):
    registrar = at("registrar@margalla.edu.pk", "registrar")
    institution_join(actor=registrar)
    facts = {"name": institution.name, "domains": institution.domains, "source": "HEC", "is_active": True}
    with pytest.raises(InvalidInput) as refusal:
        institution_update(
            actor=cast.admin, institution=institution, **facts, province="kp", focal_email="x@evil.pk"
        )
    assert refusal.value.field == "focal_email"
    institution_update(
        actor=cast.admin,
        institution=institution,
        **facts,
        province="kp",
        focal_email="Registrar@margalla.edu.pk",
    )
    assert ask(first, body).state == State.PENDING
    assert ask(registrar, Organisation.objects.get(pk=body.pk)).state == State.CONFIRMED
    assert body.memberships.get(role="owner").user == registrar
    assert Organisation.objects.get(pk=body.pk).province == "kp"  # as listed
    assert OwnershipRequest.objects.get(user=first).state == State.DECLINED
    # One who comes once the address is listed needs not even ask; but never beside an owner.
    body.memberships.all().delete()
    institution_join(actor=registrar.fresh())
    assert body.memberships.get().role == "owner"
    # An address that no longer lies in its domains is nobody's focal address.
    body.memberships.all().delete()
    RecognisedInstitution.objects.update(domains=["other.edu.pk"])
    registrar.emailaddress_set.create(email="x@other.edu.pk", verified=True)
    institution_join(actor=registrar.fresh())
    assert body.memberships.get().role == "member"
