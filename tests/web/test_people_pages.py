"""Organisations, verification and the register of people on their pages."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.foundation import clock
from portal.people.models import (
    Invitation,
    Membership,
    Organisation,
    ProgrammeRole,
    User,
    Verification,
)
from portal.people.services.members import member_invite
from tests.cast import organisation, person

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 illustrative"


def pdf(content: bytes = PDF) -> SimpleUploadedFile:
    return SimpleUploadedFile("evidence.pdf", content, content_type="application/pdf")


def submit(browser, organisation, **changes):
    fields = {"identifier_kind": "hec", "identifier": "neduet.edu.pk", "province": "sindh"}
    fields |= {"evidence": pdf(), **changes}
    return browser.post(f"/organisations/{organisation.code}/verification/", fields)


def pending(cast, web) -> Verification:
    submit(web(cast.pi), cast.organisation)
    return Verification.objects.get(state="pending")


# --- Organisations ----------------------------------------------------------------------------------
def test_an_organisation_is_founded_on_its_page(web, cast):
    browser = web(cast.outsider)
    assert browser.get("/organisations/new/").status_code == 200
    wrong = browser.post("/organisations/new/", {"name": "  ", "kind": "startup", "province": "kp"})
    assert wrong.status_code == 422
    fields = {"name": "Fresh Labs", "kind": "startup", "province": "kp", "website": ""}
    made = browser.post("/organisations/new/", fields, follow=True)
    body = Organisation.objects.get(name="Fresh Labs")
    assert made.redirect_chain == [(body.get_absolute_url(), 302)]
    assert "Submit for verification" in made.content.decode()


def test_members_see_it_and_the_outsider_doesnt(web, cast):
    path = cast.organisation.get_absolute_url()
    assert "Invite a member" in web(cast.pi).get(path).content.decode()
    assert "Invite a member" not in web(cast.member).get(path).content.decode()
    assert web(cast.admin).get(path).status_code == 200
    for tail in ("", "edit/", "invite/", "verification/"):
        assert web(cast.outsider).get(path + tail).status_code == 404
        assert web(None).get(path + tail).status_code == 302
    for tail in ("edit/", "invite/", "verification/"):
        assert web(cast.member).get(path + tail).status_code == 403
        assert web(cast.pi).get(path + tail).status_code == 200


def test_it_is_described_on_its_page(web, cast):
    path = f"{cast.organisation.get_absolute_url()}edit/"
    facts = {"name": "NED University", "province": "sindh", "website": "https://ned.example.pk"}
    web(cast.pi).post(path, facts)
    cast.organisation.refresh_from_db()
    assert cast.organisation.website == "https://ned.example.pk"
    refused = web(cast.pi).post(path, facts | {"name": "Else"})
    assert refused.status_code == 422
    assert "revoke" in refused.context["form"].errors["name"][0]


def test_members_are_managed_on_the_page(web, cast):
    path = f"/organisations/{cast.organisation.code}/members/"
    browser = web(cast.member)
    browser.post(f"{path}{cast.colleague.code}/remove/")
    assert cast.organisation.memberships.count() == 3
    browser = web(cast.pi)
    browser.post(f"{path}{cast.member.code}/role/", {"role": "owner"})
    assert cast.organisation.memberships.get(user=cast.member).role == Membership.Role.OWNER
    browser.post(f"{path}{cast.colleague.code}/remove/")
    assert not cast.organisation.memberships.filter(user=cast.colleague).exists()
    assert browser.post(f"{path}{cast.outsider.code}/remove/").status_code == 404
    left = browser.post(f"{path}{cast.pi.code}/remove/", follow=True)
    assert left.redirect_chain == [("/organisations/", 302)]
    assert web(cast.outsider).post(f"{path}{cast.member.code}/remove/").status_code == 404


def test_whom_an_owner_took_out_is_let_in_again_on_the_page(web, cast):
    path = cast.organisation.get_absolute_url()
    again = f"{path}members/{cast.member.code}/readmit/"
    assert web(cast.pi).post(again).status_code == 404  # nobody took them out
    web(cast.pi).post(f"{path}members/{cast.member.code}/remove/")
    assert again in web(cast.pi).get(path).content.decode()
    assert again not in web(cast.colleague).get(path).content.decode()
    assert web(cast.colleague).post(again).status_code == 403
    assert web(cast.outsider).post(again).status_code == 404
    assert "may join again" in web(cast.pi).post(again, follow=True).content.decode()
    assert again not in web(cast.pi).get(path).content.decode()


def test_members_addresses_are_for_owners_and_admins_and_the_list_is_paged(web, cast):
    crowd(cast, 26)
    path = cast.organisation.get_absolute_url()
    for who in (cast.pi, cast.admin):
        assert "crowd1@example.pk" in web(who).get(path).content.decode()
    page = web(cast.member).get(path).content.decode()
    assert "Crowd 1<" in page
    assert "crowd1@example.pk" not in page
    assert cast.pi.email not in page
    assert f"<bdi>{cast.member.email}" in web(cast.member).get(f"{path}?page=2").content.decode()
    assert 'href="?page=2"' in page


def test_an_invitation_is_accepted_on_its_page(web, cast):
    web(cast.pi).post(
        f"/organisations/{cast.organisation.code}/invite/",
        {"email": cast.outsider.email, "role": "member"},
    )
    asked = Invitation.objects.get()
    assert web(cast.council).get(asked.get_absolute_url()).status_code == 404
    assert web(cast.council).post(f"{asked.get_absolute_url()}accept/").status_code == 404
    browser = web(cast.outsider)
    assert asked.get_absolute_url() in browser.get("/organisations/").content.decode()
    assert "Join" in browser.get(asked.get_absolute_url()).content.decode()
    browser.post(f"{asked.get_absolute_url()}accept/")
    assert cast.organisation.memberships.filter(user=cast.outsider).exists()
    assert "closed" in browser.get(asked.get_absolute_url()).content.decode()


def test_an_invitation_is_declined_or_withdrawn(web, cast):
    def ask():
        return member_invite(
            actor=cast.pi, organisation=cast.organisation, email=cast.outsider.email, role="member"
        )

    first = ask()
    web(cast.outsider).post(f"{first.get_absolute_url()}decline/")
    second = ask()
    assert web(cast.member).post(f"{second.get_absolute_url()}withdraw/").status_code == 404
    web(cast.pi).post(f"{second.get_absolute_url()}withdraw/")
    states = list(Invitation.objects.order_by("id").values_list("state", flat=True))
    assert states == ["declined", "withdrawn"]


# --- Verification -----------------------------------------------------------------------------------
def test_a_claim_goes_from_page_to_page(web, cast):
    """Submitted by the owner, found in the queue, accepted by a verifier, seen by the owner."""
    assert submit(web(cast.pi), cast.organisation).status_code == 302
    claim = Verification.objects.get(state="pending")
    browser = web(cast.admin)
    assert claim.get_absolute_url() in browser.get("/verifications/").content.decode()
    assert browser.get(claim.get_absolute_url()).context["may_decide"]
    until = clock.today() + timedelta(days=365)
    browser.post(f"{claim.get_absolute_url()}accept/", {"expires_on": str(until), "reason": ""})
    claim.refresh_from_db()
    assert (claim.state, claim.expires_on, claim.verifier) == ("accepted", until, cast.admin)
    assert claim.get_absolute_url() not in browser.get("/verifications/").content.decode()
    assert "Renew verification" in web(cast.pi).get(cast.organisation.get_absolute_url()).content.decode()


def test_a_bad_file_is_explained_and_the_rest_kept(web, cast):
    reply = submit(web(cast.pi), cast.organisation, evidence=pdf(b"MZ a program"))
    assert reply.status_code == 422
    assert "PDF, PNG or JPEG" in reply.context["form"].errors["evidence"][0]
    assert 'value="neduet.edu.pk"' in reply.content.decode()
    assert not Verification.objects.filter(state="pending").exists()


def test_a_misspelt_identifier_is_explained(web, cast):
    reply = submit(web(cast.pi), cast.organisation, identifier="<b>ned</b>")
    assert "university.edu.pk" in reply.context["form"].errors["identifier"][0]
    assert "<b>ned</b>" not in reply.content.decode()


def test_evidence_is_downloaded_by_those_who_may(web, cast):
    path = f"{pending(cast, web).get_absolute_url()}evidence/"
    reply = web(cast.admin).get(path)
    assert b"".join(reply.streaming_content) == PDF
    assert reply["Content-Type"] == "application/pdf"
    assert reply["Content-Disposition"].startswith("attachment")
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert web(cast.pi).get(path).status_code == 200
    for stranger in (cast.outsider, cast.member, cast.council, cast.auditor):
        assert web(stranger).get(path).status_code == 404
    assert web(None).get(path).status_code == 302


def test_evidence_has_no_address_of_its_own(web, cast):
    claim = pending(cast, web)
    assert web(cast.admin).get(f"/files/{claim.evidence.name}").status_code == 404


def test_only_verifiers_decide_on_pages(web, cast):
    path = pending(cast, web).get_absolute_url()
    for tail in ("accept/", "refuse/", "revoke/"):
        assert web(cast.outsider).get(path + tail).status_code == 404
        assert web(cast.pi).post(path + tail, {"reason": "mine"}).status_code == 403
    assert Verification.objects.get(state="pending")


def test_a_refusal_needs_its_reason(web, cast):
    claim = pending(cast, web)
    refused = web(cast.admin).post(f"{claim.get_absolute_url()}refuse/", {"reason": ""})
    assert refused.status_code == 422
    assert refused.context["form"].errors["reason"]
    web(cast.admin).post(f"{claim.get_absolute_url()}refuse/", {"reason": "Unreadable"})
    assert "Unreadable" in web(cast.pi).get(cast.organisation.get_absolute_url()).content.decode()


def test_a_verification_is_revoked_or_withdrawn(web, cast):
    word = cast.organisation.verifications.get()
    web(cast.admin).post(f"{word.get_absolute_url()}revoke/", {"reason": "Charter withdrawn"})
    word.refresh_from_db()
    assert word.state == "revoked"
    claim = pending(cast, web)
    web(cast.member).post(f"{claim.get_absolute_url()}withdraw/")
    claim.refresh_from_db()
    assert claim.state == "pending"
    web(cast.pi).post(f"{claim.get_absolute_url()}withdraw/")
    claim.refresh_from_db()
    assert claim.state == "withdrawn"


def test_a_verifier_sees_who_else_claims_it(web, cast):
    claim = pending(cast, web)
    double = organisation("Ned Imposters", person("imposter"), verifier=cast.admin)
    double.verifications.update(identifier="neduet.edu.pk")
    assert "Ned Imposters" in web(cast.admin).get(claim.get_absolute_url()).content.decode()
    assert "Ned Imposters" not in web(cast.pi).get(claim.get_absolute_url()).content.decode()


# --- The register of people -------------------------------------------------------------------------
def test_the_register_is_for_admins(web, cast):
    person_page = cast.member.get_absolute_url()
    browser = web(cast.admin)
    assert cast.member.email in browser.get("/people/").content.decode()
    assert browser.get(person_page).status_code == 200
    for stranger in (cast.council, cast.pi, cast.outsider):
        assert web(stranger).get("/people/").status_code == 403
        assert web(stranger).get(person_page).status_code == 404
        assert web(stranger).post(f"{person_page}roles/grant/", {"role": "admin"}).status_code == 404


def test_roles_are_given_and_taken_on_pages(web, cast):
    browser, path = web(cast.admin), cast.member.get_absolute_url()
    assert browser.post(f"{path}roles/grant/", {"role": "auditor", "reason": ""}).status_code == 422
    browser.post(f"{path}roles/grant/", {"role": "auditor", "reason": "Agency duty"})
    browser.post(
        f"{path}scopes/grant/",
        {"kind": "organisation", "code": cast.organisation.code, "reason": "Agency duty"},
    )
    scope, role = cast.member.auditor_scopes.get(), cast.member.programme_roles.get()
    assert browser.get(path).status_code == 200
    browser.post(f"{path}scopes/{scope.public_code}/revoke/", {"reason": "Done"})
    browser.post(f"{path}roles/{role.code}/revoke/", {"reason": "Done"})
    assert not cast.member.auditor_scopes.exists()
    assert not ProgrammeRole.objects.filter(user=cast.member).exists()


def test_access_is_ended_and_given_back_on_pages(web, cast):
    path = cast.member.get_absolute_url()
    web(cast.admin).post(f"{path}end-access/", {"reason": "Left"})
    assert not cast.member.fresh().is_active
    web(cast.admin).post(f"{path}give-access-back/", {"reason": "Back"})
    assert cast.member.fresh().is_active


# --- Cost -------------------------------------------------------------------------------------------
def crowd(cast, count: int) -> None:
    """`count` further organisations, each with a pending claim and a member with a role."""
    for number in range(count):
        owner = User.objects.create(email=f"crowd{number}@example.pk", name=f"Crowd {number}")
        body = Organisation.objects.create(name=f"Crowd {number}", kind="startup", province="kp")
        Membership.objects.create(organisation=body, user=owner, role="owner")
        Membership.objects.create(organisation=cast.organisation, user=owner)
        ProgrammeRole.objects.create(user=owner, role="reviewer")
        Verification.objects.create(
            organisation=body, identifier_kind="cuin", identifier=f"{number:07}", submitted_by=owner
        )


@pytest.mark.parametrize("count", [5, 60])
@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/organisations/", 10),
        ("/verifications/", 10),
        ("/people/", 10),
        ("/organisations/{code}/", 15),
        ("/people/{person}/", 15),
        ("/api/v1/organisations/", 10),
        ("/api/v1/organisations/{code}/members/", 10),
        ("/api/v1/verifications/", 10),
        ("/api/v1/people/", 10),
    ],
)
def test_the_number_of_queries_does_not_grow(web, cast, count, path, most, django_assert_max_num_queries):
    crowd(cast, count)
    browser = web(cast.admin)
    path = path.format(code=cast.organisation.code, person=cast.member.code)
    browser.get("/terms/")  # What is kept in the cache is kept now.
    with django_assert_max_num_queries(most):
        assert browser.get(path).status_code == 200
