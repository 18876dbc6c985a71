"""Deputies, recognised institutions, terms and two verifiers over REST."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.foundation import clock
from portal.people.models import Consent, OwnershipRequest, ProgrammeRole, RecognisedInstitution
from tests.cast import person

pytestmark = pytest.mark.django_db


def fault(reply) -> dict:
    assert reply["Content-Type"].startswith("application/problem+json")
    return reply.json()["errors"][0]


def test_deputies(api, cast):
    day = clock.today().isoformat()
    fields = {"email": cast.member.email, "starts_on": day, "ends_on": day, "reason": "Leave"}
    assert api(cast.pi).post("/api/v1/deputies/", fields).status_code == 403
    bad = api(cast.council).post("/api/v1/deputies/", fields | {"ends_on": "2020-01-01"})
    assert fault(bad)["field"] == "ends_on"
    made = api(cast.council).post("/api/v1/deputies/", fields).json()
    assert (made["person"], made["standing"]) == (cast.council.code, "active")
    assert api(cast.member.fresh()).get("/api/v1/me/").json()["stands_in_for"] == [cast.council.code]
    assert api(cast.outsider).get("/api/v1/deputies/").json()["count"] == 0
    assert api(cast.outsider).post(f"/api/v1/deputies/{made['code']}/end/").status_code == 404
    assert api(cast.council).post(f"/api/v1/deputies/{made['code']}/end/").json()["standing"] == "ended"
    assert api(cast.council).post(f"/api/v1/deputies/{made['code']}/end/").status_code == 409
    assert api(cast.member.fresh()).get("/api/v1/me/").json()["stands_in_for"] == []


def test_institutions(api, cast):
    fields = {"name": "NED", "domains": ["ned.edu.pk"], "province": "sindh", "source": "HEC, 2026"}
    assert api(cast.council).post("/api/v1/institutions/", fields).status_code == 403
    assert api(None).get("/api/v1/institutions/").status_code == 401
    bad = api(cast.admin).post("/api/v1/institutions/", fields | {"domains": ["edu.pk"]})
    assert fault(bad)["field"] == "domains"
    made = api(cast.admin).post("/api/v1/institutions/", fields)
    assert made.status_code == 201
    path = f"/api/v1/institutions/{made.json()['code']}/"
    assert api(cast.outsider).get(path).json()["domains"] == ["ned.edu.pk"]
    assert api(cast.outsider).put(path, fields).status_code == 403
    changed = api(cast.admin).put(path, fields | {"is_active": False}, format="json")
    assert changed.json()["is_active"] is False
    assert api(cast.outsider).get(path).status_code == 404


def test_importing_institutions(api, cast):
    table = "name,domains,province,source\nNED,ned.edu.pk,sindh,HEC\n"
    path = "/api/v1/institutions/import/"
    assert api(cast.pi).post(path, {"table": table}).status_code == 403
    plan = api(cast.admin).post(path, {"table": table}).json()
    assert plan["changes"][0]["now"]["domains"] == ["ned.edu.pk"]
    assert not RecognisedInstitution.objects.exists()
    bad = table + "Nowhere,no.edu.pk,goa,HEC\n"
    faults = api(cast.admin).post(path, {"table": bad}).json()["faults"]
    assert [(row["row"], row["field"]) for row in faults] == [(3, "province")]
    assert faults[0]["remedy"]
    assert fault(api(cast.admin).post(path, {"table": bad, "apply": True}))["field"] == "table"
    assert not RecognisedInstitution.objects.exists()
    api(cast.admin).post(path, {"table": table, "apply": True})
    assert RecognisedInstitution.objects.get().name == "NED"


def test_terms_and_consent(api, cast):
    newcomer = person("newcomer", consents=False)
    listed = api(newcomer).get("/api/v1/terms/").json()["results"]
    assert [row["number"] for row in listed] == [1]
    assert api(newcomer).get("/api/v1/me/").json()["has_consented"] is False
    assert api(newcomer).post("/api/v1/terms/consent/").json()["number"] == 1
    assert api(newcomer).get("/api/v1/me/").json()["has_consented"] is True
    assert Consent.objects.filter(user=newcomer).count() == 1
    fields = {"text_en": "Be fair.", "text_ur": "انصاف کریں۔", "in_force_from": clock.today().isoformat()}
    assert api(cast.council).post("/api/v1/terms/", fields).status_code == 403
    assert api(cast.admin).post("/api/v1/terms/", fields).json()["number"] == 2
    assert api(newcomer).get("/api/v1/me/").json()["has_consented"] is False


def test_an_agency_takes_two_words(api, cast):
    second = person("second")
    ProgrammeRole.objects.create(user=second, role="verifier")
    cast.organisation.kind = "agency"
    cast.organisation.store("kind")
    cast.pi.emailaddress_set.create(email="focal@crops.gov.pk", verified=True)
    claim = {
        "identifier_kind": "gov",
        "identifier": "focal@crops.gov.pk",
        "women_led": True,
        "evidence": SimpleUploadedFile("letter.pdf", b"%PDF-1.7 illustrative"),
    }
    path = f"/api/v1/organisations/{cast.organisation.code}/verifications/"
    made = api(cast.pi.fresh()).post(path, claim, format="multipart").json()
    assert (made["words_needed"], made["women_led"], made["province"]) == (2, True, "sindh")
    decide = f"/api/v1/verifications/{made['code']}/decide/"
    until = str(clock.today() + timedelta(days=99))
    yes = {"decision": "accept", "expires_on": until, "women_led": True}
    assert api(cast.council).post(decide, yes).status_code == 404
    assert api(cast.admin).post(decide, yes).json()["state"] == "pending"
    assert api(cast.admin).post(decide, yes).status_code == 409
    done = api(second).post(decide, yes).json()
    assert (done["state"], done["women_led_confirmed"], len(done["words"])) == ("accepted", True, 2)
    shown = api(cast.pi).get(f"/api/v1/organisations/{cast.organisation.code}/").json()
    assert shown["counts_as_women_led"] is True


def test_joining_an_institution_and_managing_it(api, cast):
    RecognisedInstitution.objects.create(
        name="Margalla Institute", domains=["margalla.edu.pk"], province="islamabad", source="HEC"
    )
    newcomer = person("newcomer")
    newcomer.emailaddress_set.create(email="ali@margalla.edu.pk", verified=True)
    join = "/api/v1/organisations/join/"
    assert api(cast.outsider).post(join).status_code in (409, 422)
    joined = api(newcomer).post(join).json()
    assert (joined["name"], joined["is_verified"]) == ("Margalla Institute", True)
    assert api(newcomer).post(join).status_code == 409
    path = f"/api/v1/organisations/{joined['code']}/ask-ownership/"
    assert api(cast.outsider).post(path, {"reason": "Mine"}).status_code == 404
    assert api(cast.admin).post(path, {"reason": "Mine"}).status_code == 403
    asked = api(newcomer).post(path, {"reason": "Registrar"}).json()
    answer = f"/api/v1/ownership/{asked['code']}/"
    assert api(cast.outsider).get(answer).status_code == 404
    assert api(newcomer).post(f"{answer}confirm/").status_code == 403
    assert api(cast.admin).get("/api/v1/ownership/").json()["count"] == 1
    declined = api(cast.admin).post(f"{answer}decline/", {"reason": "Ask your registrar"}).json()
    assert (declined["standing"], declined["answer"]) == ("declined", "Ask your registrar")
    assert api(newcomer).post(path, {"reason": "I am"}).status_code == 409  # not for a week
    OwnershipRequest.objects.update(decided_at=clock.now() - timedelta(days=7))
    again = api(newcomer).post(path, {"reason": "I am"}).json()
    done = api(cast.admin).post(f"/api/v1/ownership/{again['code']}/confirm/").json()
    assert done["standing"] == "confirmed"
    people = api(newcomer).get(f"/api/v1/organisations/{joined['code']}/members/").json()["results"]
    assert [member["role"] for member in people] == ["owner"]


def test_handing_over(api, cast):
    home = f"/api/v1/organisations/{cast.organisation.code}/"
    over = f"{home}members/{cast.member.code}/hand-over/"
    assert api(cast.member).post(over).status_code == 403
    assert api(cast.outsider).post(over).status_code == 404
    assert api(cast.pi).post(over).json()["role"] == "owner"
    assert cast.organisation.memberships.get(user=cast.pi).role == "member"
