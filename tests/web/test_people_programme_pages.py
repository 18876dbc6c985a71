"""Pages of deputies, recognised institutions, terms, two verifiers and verification by rule."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.foundation import clock
from portal.people.models import (
    Consent,
    Deputy,
    Organisation,
    OwnershipRequest,
    ProgrammeRole,
    RecognisedInstitution,
    TermsVersion,
    Verification,
)
from portal.web.context import forget_duties
from tests.cast import person

pytestmark = pytest.mark.django_db


# --- Deputies ---------------------------------------------------------------------------------------
def test_a_deputy_is_named_and_ended_on_the_pages(web, cast):
    day = clock.today().isoformat()
    fields = {"email": cast.member.email, "starts_on": day, "ends_on": day, "reason": "Leave"}
    assert web(cast.pi).get("/deputies/new/").status_code == 403
    assert web(cast.pi).post("/deputies/new/", fields).status_code == 403
    browser = web(cast.council)
    assert "Name a deputy" in browser.get("/deputies/").content.decode()
    wrong = browser.post("/deputies/new/", fields | {"email": cast.council.email})
    assert wrong.status_code == 422
    assert wrong.context["form"].errors["email"]
    browser.post("/deputies/new/", fields)
    row = Deputy.objects.get()
    end = f"/deputies/{row.code}/end/"
    assert web(cast.outsider).post(end).status_code == 404
    assert cast.council.name not in web(cast.outsider).get("/deputies/").content.decode()
    browser = web(cast.member)
    assert cast.council.name in browser.get("/deputies/").content.decode()
    browser.post(end)
    row.refresh_from_db()
    assert row.ended_at


def test_a_verifiers_deputy_finds_the_queue(web, cast):
    assert web(cast.member).get("/verifications/").status_code == 200
    assert "/verifications/" not in web(cast.member).get("/profile/").content.decode()
    Deputy.objects.create(
        person=cast.admin, deputy=cast.member, starts_on=clock.today(), ends_on=clock.today(), reason="Leave"
    )
    forget_duties(cast.member)  # as a few seconds do
    page = web(cast.member).get("/profile/").content.decode()
    assert "/verifications/" in page
    assert "/people/" not in page  # standing in for an admin doesn't make one


# --- Recognised institutions ------------------------------------------------------------------------
def test_the_list_is_read_by_all_and_kept_by_admins(web, cast):
    fields = {"name": "NED", "domains": "ned.edu.pk, cs.ned.edu.pk", "province": "sindh", "source": "HEC"}
    for stranger in (cast.pi, cast.council):
        browser = web(stranger)
        for path in ("/institutions/new/", "/institutions/import/"):
            assert browser.get(path).status_code == 403
        assert browser.post("/institutions/new/", fields).status_code == 403
    browser = web(cast.admin)
    assert browser.post("/institutions/new/", fields | {"domains": "edu.pk"}).status_code == 422
    browser.post("/institutions/new/", fields | {"is_active": "on"})
    row = RecognisedInstitution.objects.get()
    assert row.domains == ["cs.ned.edu.pk", "ned.edu.pk"]
    browser.post(f"{row.get_absolute_url()}edit/", fields | {"domains": "ned.edu.pk", "is_active": "on"})
    page = browser.get(row.get_absolute_url()).content.decode()
    assert "Changed" in page
    assert "cs.ned.edu.pk" in page  # in the history
    reader = web(cast.outsider)
    assert "ned.edu.pk" in reader.get("/institutions/?q=ned.edu.pk").content.decode()
    assert "History" not in reader.get(row.get_absolute_url()).content.decode()
    assert reader.post(f"{row.get_absolute_url()}edit/", fields).status_code == 403


def test_a_table_is_shown_first_and_applied_then(web, cast):
    browser = web(cast.admin)
    table = b"name,domains,province,source\nNED,ned.edu.pk,Sindh,HEC\n"
    bad = table + b"Nowhere,nowhere.edu.pk,goa,HEC\n"
    shown = browser.post("/institutions/import/", {"file": SimpleUploadedFile("list.csv", bad)})
    assert shown.status_code == 422
    assert "goa" in shown.content.decode()
    assert 'name="apply"' not in shown.content.decode()
    shown = browser.post("/institutions/import/", {"file": SimpleUploadedFile("list.csv", table)})
    assert 'name="apply"' in shown.content.decode()
    assert not RecognisedInstitution.objects.exists()
    rows = shown.context["form"].initial["table"]
    done = browser.post("/institutions/import/", {"table": rows, "apply": "1"}, follow=True)
    assert done.redirect_chain == [("/institutions/", 302)]
    assert RecognisedInstitution.objects.get().name == "NED"
    refused = browser.post("/institutions/import/", {"table": bad.decode(), "apply": "1"})
    assert refused.status_code == 422


def test_a_newcomer_joins_by_a_button_and_asks_to_manage(web, cast, django_assert_max_num_queries):
    RecognisedInstitution.objects.create(
        name="Margalla Institute", domains=["margalla.edu.pk"], province="islamabad", source="HEC"
    )
    newcomer = person("newcomer")
    newcomer.emailaddress_set.create(email="ali@margalla.edu.pk", verified=True)
    browser = web(newcomer)
    browser.get("/organisations/")  # what every page remembers for a while
    with django_assert_max_num_queries(10):
        assert 'action="/organisations/join/"' in browser.get("/organisations/").content.decode()
    assert 'action="/organisations/join/"' not in web(cast.pi).get("/organisations/").content.decode()
    web(cast.outsider).post("/organisations/join/")
    assert not Organisation.objects.filter(name="Margalla Institute").exists()
    assert web(newcomer).post("/organisations/join/")["Location"] == "/"  # where the next step stands
    body = Organisation.objects.get(name="Margalla Institute")
    assert body.is_verified
    manage = f"{body.get_absolute_url()}manage/"
    assert manage in web(newcomer).get(body.get_absolute_url()).content.decode()
    rule = Verification.objects.get(organisation=body)
    assert "recognised institution" in web(newcomer).get(rule.get_absolute_url()).content.decode()
    assert web(cast.outsider).get(manage).status_code == 404
    assert web(cast.admin).get(manage).status_code == 403
    assert web(newcomer).post(manage, {"reason": ""}).status_code == 422
    page = web(newcomer).post(manage, {"reason": "I am its registrar"}, follow=True).content.decode()
    browser.get(body.get_absolute_url())
    with django_assert_max_num_queries(15):
        browser.get(body.get_absolute_url())
    asked = OwnershipRequest.objects.get()
    assert f"/ownership/{asked.code}/withdraw/" in page
    web(cast.admin).get("/verifications/")
    with django_assert_max_num_queries(10):
        queue = browser.get("/verifications/").content.decode()
    assert "I am its registrar" in queue
    confirm = f"/ownership/{asked.code}/confirm/"
    assert confirm in queue
    assert web(cast.outsider).post(confirm).status_code == 404
    assert web(newcomer).post(confirm).status_code == 403
    assert web(cast.admin).post(f"/ownership/{asked.code}/decline/", {"reason": ""}).status_code == 422
    web(cast.admin).post(confirm)
    assert body.memberships.get(user=newcomer).role == "owner"
    assert "Nobody manages" not in web(newcomer).get(body.get_absolute_url()).content.decode()


# --- Two verifiers ----------------------------------------------------------------------------------
def test_an_agency_is_verified_by_two_on_the_pages(web, cast):
    second = person("second")
    ProgrammeRole.objects.create(user=second, role="verifier")
    body = cast.organisation
    body.verifications.update(expires_on=clock.today() - timedelta(days=1))
    body.kind, body.women_led = "agency", True
    body.store("kind", "women_led")
    cast.pi.emailaddress_set.create(email="focal@crops.gov.pk", verified=True)
    claim = {
        "identifier_kind": "gov",
        "identifier": "focal@crops.gov.pk",
        "province": "kp",
        "women_led": "on",
    }
    letter = SimpleUploadedFile("letter.pdf", b"%PDF-1.7 illustrative")
    owner = web(cast.pi)
    assert "lapsed on" in owner.get(body.get_absolute_url()).content.decode()
    assert "Two verifiers" in owner.get(f"{body.get_absolute_url()}verification/").content.decode()
    owner.post(f"{body.get_absolute_url()}verification/", claim | {"evidence": letter})
    row = Verification.objects.get(state="pending")
    until = {"expires_on": (clock.today() + timedelta(days=99)).isoformat(), "women_led": "on"}
    accept = f"{row.get_absolute_url()}accept/"
    page = web(cast.admin).post(accept, until, follow=True).content.decode()
    assert "second verifier" in page
    assert accept not in page  # no button for who has spoken
    again = web(cast.admin).post(accept, until)
    assert again.status_code == 422
    page = web(second).post(accept, until, follow=True).content.decode()
    fresh = Organisation.objects.get(pk=body.pk)
    assert (fresh.is_verified, fresh.counts_as_women_led, fresh.province) == (True, True, "kp")
    assert cast.admin.name in page
    assert second.name in page


# --- Terms ------------------------------------------------------------------------------------------
def test_terms_are_read_by_all_and_written_by_admins(web, cast):
    assert "for nothing else" in web(None).get("/terms/").content.decode()
    newcomer = person("newcomer", consents=False)
    browser = web(newcomer)
    assert browser.get("/terms/new/").status_code == 403
    assert "I accept" in browser.get("/terms/").content.decode()
    reply = browser.post("/terms/consent/", {"next": "https://evil.example/"})
    assert reply["Location"] == "/terms/"
    assert browser.post("/terms/consent/", {"next": "/requests/"})["Location"] == "/requests/"
    assert Consent.objects.latest("id").user == newcomer
    assert "You accepted" in browser.get("/terms/").content.decode()
    fields = {"text_en": "Be fair.\r\n", "text_ur": "انصاف کریں۔", "in_force_from": clock.today().isoformat()}
    assert browser.post("/terms/new/", fields).status_code == 403
    admin = web(cast.admin)
    assert admin.get("/terms/new/").status_code == 200
    made = admin.post("/terms/new/", fields, follow=True)
    assert "انصاف کریں۔" in made.content.decode()
    assert TermsVersion.objects.count() == 2
    assert "I accept" in web(newcomer).get("/terms/").content.decode()


# --- Members ----------------------------------------------------------------------------------------
def test_the_last_owner_sees_no_way_out_that_is_refused(web, cast):
    path = cast.organisation.get_absolute_url()
    leave = f"{path}members/{cast.pi.code}/remove/"
    over = f"{path}members/{cast.member.code}/hand-over/"
    page = web(cast.pi).get(path).content.decode()
    assert leave not in page
    assert "last owner" in page
    assert web(cast.member).get(over).status_code == 403
    assert web(cast.outsider).get(over).status_code == 404
    browser = web(cast.pi)
    assert "You can&#x27;t take it back" in browser.get(over).content.decode()
    browser.post(over)
    assert cast.organisation.memberships.get(user=cast.member).role == "owner"
    assert leave in browser.get(path).content.decode()


# --- Cost -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [5, 50])
@pytest.mark.parametrize(
    "path", ["/deputies/", "/institutions/", "/api/v1/deputies/", "/api/v1/institutions/"]
)
def test_the_number_of_queries_does_not_grow(web, cast, count, path, django_assert_max_num_queries):
    day = clock.today()
    for number in range(count):
        RecognisedInstitution.objects.create(
            name=f"Crowd {number}", domains=[f"crowd{number}.edu.pk"], province="kp", source="ILLUSTRATIVE"
        )
        Deputy.objects.create(
            person=cast.council, deputy=cast.admin, starts_on=day, ends_on=day, reason=str(number)
        )
    browser = web(cast.admin)
    browser.get("/terms/")  # What is kept in the cache is kept now.
    with django_assert_max_num_queries(10):
        assert browser.get(path).status_code == 200
