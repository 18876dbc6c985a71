"""Terms and consent, the end of access everywhere, and owners who hand over."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow, OutboxRow
from portal.people import terms
from portal.people.models import ApiToken, Consent, Invitation, TermsVersion
from portal.people.selectors import has_consented, terms_in_force
from portal.people.services import members, users
from portal.people.services.terms import consent_give, terms_publish
from portal.people.services.tokens import token_create
from tests.cast import person

pytestmark = pytest.mark.django_db


# --- Terms ------------------------------------------------------------------------------------------
def publish(actor, first_day=0, **texts) -> TermsVersion:
    fields = {"text_en": "Be fair.\nBe kind.", "text_ur": "انصاف کریں۔\nمہربان رہیں۔"} | texts
    return terms_publish(actor=actor, in_force_from=clock.today() + timedelta(days=first_day), **fields)


def test_version_1_is_there_and_seeding_again_changes_nothing():
    assert terms_in_force() == terms.seed() == terms.seed()
    first = terms.seed()
    assert len(first.clauses("en")) == len(first.clauses("ur")) == 6


def test_everybody_is_asked_anew_from_a_versions_first_day(cast, monkeypatch):
    newcomer = person("newcomer", consents=False)
    assert not has_consented(newcomer)
    given = consent_give(newcomer)
    assert consent_give(newcomer) == given
    assert AuditRow.objects.filter(action="consent_give").count() == 1
    later = publish(cast.admin, first_day=3)
    assert later.number == 2
    assert has_consented(newcomer)
    today = clock.today()
    monkeypatch.setattr(clock, "today", lambda: today + timedelta(days=3))
    assert terms_in_force() == later
    assert not has_consented(newcomer)
    consent_give(newcomer)
    assert Consent.objects.filter(user=newcomer).count() == 2


def test_only_admins_write_terms_and_only_whole_ones(cast):
    with pytest.raises(NotAllowed):
        publish(cast.council)
    for wrong, field in [
        ({"first_day": -1}, "in_force_from"),
        ({"text_ur": "انصاف کریں۔"}, "text_ur"),
        ({"text_en": "", "text_ur": ""}, "text_en"),
    ]:
        with pytest.raises(InvalidInput) as refusal:
            publish(cast.admin, **wrong)
        assert refusal.value.field == field
    assert TermsVersion.objects.count() == 1


def test_what_people_said_yes_to_stands_as_it_was(cast):
    consent_give(cast.pi)
    for change in (
        lambda: TermsVersion.objects.update(text_en="Anything goes."),
        lambda: Consent.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            change()


# --- The end of access ------------------------------------------------------------------------------
def test_access_ends_everywhere_and_for_good(cast, web):
    web(cast.member).get("/profile/")
    token_create(actor=cast.member, name="script", days=7)
    token_create(actor=cast.pi, name="script", days=7)
    body = cast.other_organisation
    to_them = members.member_invite(
        actor=cast.outsider, organisation=body, email=cast.member.email.upper(), role="member"
    )
    members.member_role_change(actor=cast.pi, organisation=cast.organisation, user=cast.member, role="owner")
    by_them = members.member_invite(
        actor=cast.member, organisation=cast.organisation, email="new@example.pk", role="member"
    )
    untouched = members.member_invite(
        actor=cast.outsider, organisation=body, email=cast.pi.email, role="member"
    )
    assert Session.objects.count() == UserSession.objects.filter(user=cast.member).count() == 1

    users.user_deactivate(actor=cast.admin, user=cast.member, reason="Left the country")
    assert not UserSession.objects.filter(user=cast.member).exists()
    assert not Session.objects.exists()
    assert [token.user for token in ApiToken.objects.all()] == [cast.pi]
    states = {row.pk: row.state for row in Invitation.objects.all()}
    assert states == {to_them.pk: "withdrawn", by_them.pk: "withdrawn", untouched.pk: "pending"}
    assert OutboxRow.objects.get(topic="user_deactivated").payload == {"user": cast.member.code}
    ended = AuditRow.objects.get(action="user_access_ended")
    assert ended.after == {"sessions": 1, "tokens": 1, "invitations": 2}

    users.user_deactivate(actor=cast.admin, user=cast.member, reason="Once more")
    assert OutboxRow.objects.filter(topic="user_deactivated").count() == 1
    users.user_reactivate(actor=cast.admin, user=cast.member, reason="Back")
    assert OutboxRow.objects.get(topic="user_reactivated").payload == {"user": cast.member.code}
    assert not ApiToken.objects.filter(user=cast.member).exists()


# --- Owners -----------------------------------------------------------------------------------------
def test_an_owner_hands_over(cast):
    with pytest.raises(NotAllowed):
        members.ownership_hand_over(actor=cast.member, organisation=cast.organisation, user=cast.colleague)
    with pytest.raises(IllegalState):
        members.ownership_hand_over(actor=cast.pi, organisation=cast.organisation, user=cast.pi)
    members.ownership_hand_over(actor=cast.pi, organisation=cast.organisation, user=cast.member)
    roles = dict(cast.organisation.memberships.values_list("user", "role"))
    assert (roles[cast.member.pk], roles[cast.pi.pk]) == ("owner", "member")
    told = OutboxRow.objects.filter(key="member_role_changed").get()
    assert told.payload["users"] == [cast.member.code]


def test_where_no_owner_comes_in_any_more_an_admin_names_one(cast):
    def promote():
        return members.member_role_change(
            actor=cast.admin, organisation=cast.organisation, user=cast.member, role="owner"
        )

    with pytest.raises(NotAllowed):
        promote()
    users.user_deactivate(actor=cast.admin, user=cast.pi, reason="Left")
    assert promote().role == "owner"
    # The new owner isn't kept by the old one, who can't come in.
    with pytest.raises(IllegalState):
        members.member_remove(actor=cast.member, organisation=cast.organisation, user=cast.member)
    person("late")
    members.member_remove(actor=cast.member, organisation=cast.organisation, user=cast.pi)
    assert not cast.organisation.memberships.filter(user=cast.pi).exists()
