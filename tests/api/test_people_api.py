"""People and organisations over REST, by those who may and those who may not."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from portal.foundation import clock
from portal.foundation.models import AuditRow, IdempotencyKey
from portal.people.models import ApiToken, Membership, Organisation, Verification
from portal.people.services.members import member_invite
from portal.people.services.tokens import MOST_TOKENS, token_create

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 illustrative"


def pdf(content: bytes = PDF) -> SimpleUploadedFile:
    return SimpleUploadedFile("evidence.pdf", content)


def fault(reply) -> dict:
    assert reply["Content-Type"].startswith("application/problem+json")
    return reply.json()["errors"][0]


# --- Oneself ----------------------------------------------------------------------------------------
def test_me(api, cast):
    me = api(cast.pi).get("/api/v1/me/").json()
    assert (me["code"], me["roles"]) == (cast.pi.code, [])
    assert me["organisations"] == [
        {"organisation": cast.organisation.code, "name": "NED University", "role": "owner"}
    ]
    assert api(cast.auditor).get("/api/v1/me/").json()["roles"] == ["auditor"]
    assert api(None).get("/api/v1/me/").status_code == 401


def test_my_name_and_language(api, cast):
    reply = api(cast.pi).patch("/api/v1/me/", {"language": "ur"})
    assert (reply.json()["name"], reply.json()["language"]) == ("Pi", "ur")
    assert api(cast.pi).patch("/api/v1/me/", {"language": "fr"}).status_code == 400


def test_tokens(api, cast):
    made = api(cast.pi).post("/api/v1/tokens/", {"name": "script", "days": 7})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    secret = made.json()["token"]
    bearer = APIClient()
    bearer.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    listed = bearer.get("/api/v1/tokens/").json()["results"]
    assert [row["name"] for row in listed] == ["script"]
    assert "token" not in listed[0]
    assert api(cast.outsider).delete(f"/api/v1/tokens/{listed[0]['code']}/").status_code == 404
    assert bearer.delete(f"/api/v1/tokens/{listed[0]['code']}/").status_code == 204
    assert bearer.get("/api/v1/tokens/").status_code == 401
    assert AuditRow.objects.get(action="token_revoke").actor == cast.pi.code


def test_a_token_makes_none_that_outlives_it(cast):
    _, secret = token_create(actor=cast.pi, name="short", days=2)
    bearer = APIClient()
    bearer.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    assert fault(bearer.post("/api/v1/tokens/", {"name": "long", "days": 3}))["field"] == "days"
    assert bearer.post("/api/v1/tokens/", {"name": "shorter", "days": 1}).status_code == 201


def test_tokens_are_bounded(api, cast):
    for number in range(MOST_TOKENS):
        token_create(actor=cast.pi, name=f"token {number}", days=1)
    assert api(cast.pi).post("/api/v1/tokens/", {"name": "one more", "days": 1}).status_code == 409


def test_no_reply_with_a_token_is_kept(api, cast):
    """Idempotency keeps replies in the database: a token must not lie there."""
    header = {"Idempotency-Key": "once"}
    client = api(cast.pi)
    assert client.post("/api/v1/tokens/", {"name": "script"}, headers=header).status_code == 201
    assert not IdempotencyKey.objects.exists()
    assert client.post("/api/v1/tokens/", {"name": "script"}, headers=header).status_code == 400
    assert ApiToken.objects.count() == 1


# --- Organisations ----------------------------------------------------------------------------------
def test_organisations_are_scoped(api, cast):
    listed = api(cast.outsider).get("/api/v1/organisations/").json()["results"]
    assert [row["code"] for row in listed] == [cast.other_organisation.code]
    path = f"/api/v1/organisations/{cast.organisation.code}/"
    assert api(cast.member).get(path).json()["is_verified"] is True
    for tail in ("", "members/", "invitations/", "verifications/"):
        assert api(cast.outsider).get(path + tail).status_code == 404
    assert api(cast.member).get(path + "invitations/").status_code == 403


def test_founding_over_the_api(api, cast):
    reply = api(cast.outsider).post(
        "/api/v1/organisations/", {"name": "Fresh Labs", "kind": "startup", "province": "kp"}
    )
    assert reply.status_code == 201
    body = Organisation.objects.get(code=reply.json()["code"])
    assert body.memberships.get().user == cast.outsider
    bad = api(cast.outsider).post("/api/v1/organisations/", {"name": "X", "kind": "club", "province": "kp"})
    assert fault(bad)["field"] == "kind"


def test_describing_over_the_api(api, cast):
    path = f"/api/v1/organisations/{cast.organisation.code}/"
    fields = {"name": "NED University", "province": "sindh", "website": "https://ned.example.pk"}
    assert api(cast.pi).put(path, fields).json()["website"] == "https://ned.example.pk"
    assert api(cast.member).put(path, fields).status_code == 403
    assert api(cast.outsider).put(path, fields).status_code == 404
    assert fault(api(cast.pi).put(path, fields | {"name": "Other"}))["field"] == "name"
    assert fault(api(cast.pi).put(path, fields | {"province": "kp"}))["field"] == "province"


def test_members_over_the_api(api, cast):
    path = f"/api/v1/organisations/{cast.organisation.code}/members/"
    assert api(cast.pi).get(path).json()["results"][0]["role"] == "owner"
    one = f"{path}{cast.member.code}/"
    seen = {who: addresses(api(who).get(path)) for who in (cast.pi, cast.admin, cast.member, cast.council)}
    assert seen[cast.pi] == seen[cast.admin] >= {cast.pi.email, cast.member.email}
    assert (seen[cast.member], seen[cast.council]) == ({cast.member.email}, set())
    assert api(cast.member).patch(one, {"role": "owner"}).status_code == 403
    assert api(cast.pi).patch(one, {"role": "owner"}).json()["role"] == "owner"
    assert api(cast.pi).delete(one).status_code == 204
    assert api(cast.pi).delete(one).status_code == 404
    assert api(cast.pi).delete(f"{path}{cast.pi.code}/").status_code == 409
    out = f"/api/v1/organisations/{cast.organisation.code}/removals/"
    assert [row["user"] for row in api(cast.pi).get(out).json()["results"]] == [cast.member.code]
    assert api(cast.admin).get(out).status_code == 403
    assert api(cast.outsider).delete(f"{out}{cast.member.code}/").status_code == 404
    assert api(cast.admin).delete(f"{out}{cast.member.code}/").status_code == 403
    assert api(cast.pi).delete(f"{out}{cast.member.code}/").status_code == 204
    assert api(cast.pi).get(out).json()["count"] == 0


def addresses(reply) -> set[str]:
    return {row["email"] for row in reply.json()["results"] if row["email"]}


def test_invitations_over_the_api(api, cast):
    path = f"/api/v1/organisations/{cast.organisation.code}/invitations/"
    made = api(cast.pi).post(path, {"email": cast.outsider.email, "role": "member"})
    assert made.status_code == 201
    assert len(api(cast.pi).get(path).json()) == 1
    code = made.json()["code"]
    assert api(cast.auditor).post(f"/api/v1/invitations/{code}/accept/").status_code == 404
    accepted = api(cast.outsider).post(f"/api/v1/invitations/{code}/accept/")
    assert accepted.json()["state"] == "accepted"
    assert Membership.objects.filter(organisation=cast.organisation, user=cast.outsider).exists()
    other = member_invite(
        actor=cast.pi, organisation=cast.organisation, email=cast.council.email, role="member"
    )
    declined = api(cast.council).post(f"/api/v1/invitations/{other.code}/decline/")
    assert declined.json()["state"] == "declined"


# --- Verification -----------------------------------------------------------------------------------
def claim(api, cast, **changes):
    fields = {"identifier_kind": "hec", "identifier": "neduet.edu.pk", "evidence": pdf()} | changes
    return api(cast.pi).post(
        f"/api/v1/organisations/{cast.organisation.code}/verifications/", fields, format="multipart"
    )


def test_a_claim_is_submitted_and_decided(api, cast):
    made = claim(api, cast)
    assert made.status_code == 201
    path = f"/api/v1/verifications/{made.json()['code']}/"
    word = {"decision": "accept", "expires_on": str(clock.today() + timedelta(days=365))}
    assert api(cast.outsider).post(path + "decide/", word).status_code == 404
    assert api(cast.pi).post(path + "decide/", word).status_code == 403
    assert fault(api(cast.admin).post(path + "decide/", {"decision": "accept"}))["field"] == "expires_on"
    assert api(cast.admin).post(path + "decide/", word).json()["is_in_force"] is True
    assert api(cast.admin).post(path + "decide/", word).status_code == 409
    assert AuditRow.objects.get(action="verification_accept").channel == "api"


def test_bad_claims_name_field_and_remedy(api, cast):
    for changes, field in [
        ({"identifier": "ned"}, "identifier"),
        ({"identifier_kind": "cuin"}, "identifier_kind"),
        ({"evidence": pdf(b"MZ a program")}, "evidence"),
    ]:
        wrong = fault(claim(api, cast, **changes))
        assert wrong["field"] == field
        assert wrong["remedy"]
    assert not Verification.objects.filter(state="pending").exists()


def test_evidence_over_the_api(api, cast):
    path = f"/api/v1/verifications/{claim(api, cast).json()['code']}/"
    for reader in (cast.pi, cast.admin):
        assert b"".join(api(reader).get(path + "evidence/").streaming_content) == PDF
    assert api(cast.outsider).get(path + "evidence/").status_code == 404
    assert api(cast.outsider).get(path).status_code == 404
    # A plain member sees the claim, not the document.
    assert api(cast.member).get(path).status_code == 200
    assert api(cast.member).get(path + "evidence/").status_code == 404


def test_a_claim_is_withdrawn(api, cast):
    path = f"/api/v1/verifications/{claim(api, cast).json()['code']}/withdraw/"
    assert api(cast.member).post(path).status_code == 403
    assert api(cast.pi).post(path).json()["state"] == "withdrawn"


# --- The register of people -------------------------------------------------------------------------
def test_people_are_for_admins(api, cast):
    assert api(cast.admin).get("/api/v1/people/").json()["count"] == 9
    assert api(cast.council).get("/api/v1/people/").json()["count"] == 0
    assert api(cast.pi).get(f"/api/v1/people/{cast.member.code}/").status_code == 404


def test_roles_and_scopes_over_the_api(api, cast):
    path = f"/api/v1/people/{cast.member.code}/"
    admin = api(cast.admin)
    granted = admin.post(path + "grant-role/", {"role": "auditor", "reason": "Agency duty"}).json()
    assert [row["role"] for row in granted["roles"]] == ["auditor"]
    scope = {"kind": "organisation", "of": cast.organisation.code, "reason": "Agency duty"}
    scoped = admin.post(path + "grant-scope/", scope).json()
    assert scoped["scopes"][0]["of"] == cast.organisation.code
    ended = {"code": scoped["scopes"][0]["code"], "reason": "Done"}
    assert admin.post(path + "revoke-scope/", ended).json()["scopes"] == []
    gone = {"code": granted["roles"][0]["code"], "reason": "Done"}
    assert admin.post(path + "revoke-role/", gone).json()["roles"] == []
    assert fault(admin.post(path + "grant-role/", {"role": "council", "reason": ""}))["field"] == "reason"
    assert api(cast.council).post(path + "grant-role/", {"role": "council", "reason": "x"}).status_code == 404


def test_access_over_the_api(api, cast):
    path = f"/api/v1/people/{cast.member.code}/"
    assert api(cast.admin).post(path + "deactivate/", {"reason": "Left"}).json()["is_active"] is False
    assert api(cast.admin).post(path + "reactivate/", {"reason": "Back"}).json()["is_active"] is True
    own = api(cast.admin).post(f"/api/v1/people/{cast.admin.code}/deactivate/", {"reason": "x"})
    assert own.status_code == 403
