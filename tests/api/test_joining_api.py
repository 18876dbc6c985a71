"""Ways into a project, hand-overs, caps and courses over the API."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from allocations.projects.models import ProjectLink
from portal.foundation import clock
from portal.foundation.models import IdempotencyKey
from tests.cast import person


@pytest.fixture
def url(cast):
    cache.clear()
    return f"/api/v1/projects/{cast.project.code}/"


def send(client, address, body=None, **more):
    return client.post(address, body or {}, format="json", **more)


def test_invitations_for_managers_and_for_the_invited(cast, api, url):
    lead, guest = api(cast.pi), api(cast.outsider)
    made = send(lead, f"{url}invitations/", {"email": cast.outsider.email, "role": "manager"}).json()
    assert [one["code"] for one in lead.get(f"{url}invitations/").json()] == [made["code"]]
    assert [one["code"] for one in guest.get("/api/v1/project-invitations/").json()["results"]] == [
        made["code"]
    ]
    assert send(lead, f"{url}invitations/{made['code']}/resend/").status_code == 409
    assert send(lead, f"/api/v1/project-invitations/{made['code']}/accept/").status_code == 404
    assert send(guest, f"/api/v1/project-invitations/{made['code']}/accept/").json()["state"] == "accepted"
    assert send(lead, f"{url}invitations/{made['code']}/withdraw/").status_code == 409
    assert guest.get(url).json()["role"] == "manager"
    wrong = send(lead, f"{url}invitations/", {"email": cast.outsider.email})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "email")


def test_a_links_secret_is_in_one_reply_and_nowhere_else(cast, api, url):
    lead, guest = api(cast.pi), api(cast.outsider)
    made = send(lead, f"{url}links/", {"most_uses": 1}, headers={"Idempotency-Key": "once"})
    secret = made.json()["secret"]
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert secret not in str(lead.get(f"{url}links/").json())
    assert secret not in str([ProjectLink.objects.values().get(), *IdempotencyKey.objects.values()])
    assert send(guest, "/api/v1/projects/join/", {"secret": secret[:-1]}).status_code == 404
    assert send(guest, "/api/v1/projects/join/", {"secret": secret}).json()["role"] == "member"
    assert send(api(cast.colleague), "/api/v1/projects/join/", {"secret": secret}).status_code == 404


def test_a_revoked_link_joins_nothing(cast, api, url):
    made = send(api(cast.pi), f"{url}links/").json()
    assert send(api(cast.outsider), f"{url}links/{made['code']}/revoke/").status_code == 404
    assert send(api(cast.pi), f"{url}links/{made['code']}/revoke/").status_code == 204
    assert send(api(cast.outsider), "/api/v1/projects/join/", {"secret": made["secret"]}).status_code == 404
    assert api(cast.pi).get(f"{url}links/").json() == []


def test_a_cap_is_for_managers_to_set_and_its_member_to_see(cast, api, url):
    address = f"{url}members/{cast.member.code}/cap/"
    assert send(api(cast.member), address, {"gpu_seconds": None}).status_code == 403
    assert send(api(cast.pi), address, {"gpu_seconds": -1}).status_code == 400
    assert send(api(cast.pi), address, {"gpu_seconds": 7200}).status_code == 200

    def seen_by(user):
        return [one["cap_gpu_seconds"] for one in api(user).get(url).json()["members"]]

    assert (seen_by(cast.pi), seen_by(cast.member), seen_by(cast.admin)) == (
        [None, 7200],
        [None, 7200],
        [None, None],
    )


def test_a_hand_over(cast, api, url):
    address = f"{url}hand-over/"
    assert api(cast.pi).get(address).status_code == 404
    wrong = send(api(cast.pi), address, {"successor": cast.outsider.code})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "successor")
    assert send(api(cast.member), address, {"successor": cast.member.code}).status_code == 403
    made = send(api(cast.pi), address, {"successor": cast.member.code, "afterwards": "leaves"})
    assert (made.status_code, made.json()["state"]) == (201, "pending")
    assert send(api(cast.pi), f"{address}accept/").status_code == 404
    assert send(api(cast.member), f"{address}accept/").json()["state"] == "accepted"
    assert api(cast.member).get(url).json()["role"] == "pi"
    assert send(api(cast.member), f"{address}accept/").status_code == 404


def test_a_course(cast, api, url):
    lead, student = api(cast.pi), api(cast.outsider)
    body = {
        "course": "Vision",
        "cap_gpu_seconds": 3600,
        "most_students": 1,
        "ends_on": (clock.today() + timedelta(days=5)).isoformat(),
    }
    assert lead.get(f"{url}classroom/").status_code == 404
    wrong = send(lead, f"{url}classroom/", {**body, "ends_on": "2001-01-01"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "ends_on")
    made = send(lead, f"{url}classroom/", body)
    assert made.status_code == 201
    assert send(student, "/api/v1/projects/join-course/", {"join_code": "00000000"}).status_code == 400
    code = send(lead, f"{url}classroom/renew-code/").json()["join_code"]
    assert code != made.json()["join_code"]
    assert send(student, "/api/v1/projects/join-course/", {"join_code": code}).json()["role"] == "member"
    assert student.get(f"{url}classroom/").status_code == 403
    assert student.get(f"{url}classroom/students/").status_code == 403
    full = send(api(cast.colleague), "/api/v1/projects/join-course/", {"join_code": code})
    (fault,) = full.json()["errors"]
    assert (full.status_code, fault["code"]) == (409, "course_full")
    assert "raise the number" in fault["remedy"]
    assert api(cast.admin).get(f"{url}classroom/students/").status_code == 403
    assert api(person("stranger")).get(f"{url}classroom/").status_code == 404
    changed = lead.patch(f"{url}classroom/", {"cap_gpu_seconds": 60}, format="json").json()
    assert changed["cap_gpu_seconds"] == 60
    (row,) = lead.get(f"{url}classroom/students/").json()
    assert (row["user"], row["cap_gpu_seconds"], row["ran"]) == (cast.outsider.code, 60, False)
    assert send(lead, f"{url}classroom/revoke-code/").json()["join_code"] == ""
    assert send(lead, f"{url}classroom/close/").json()["is_open"] is False
    assert student.get(url).status_code == 404
    assert send(lead, f"{url}classroom/close/").status_code == 409


def test_wrong_codes_end_in_429(cast, api, url):
    for _try in range(10):
        send(api(cast.outsider), "/api/v1/projects/join-course/", {"join_code": "wrong"})
    refused = send(api(cast.outsider), "/api/v1/projects/join-course/", {"join_code": "wrong"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "too_many")
