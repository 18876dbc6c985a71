"""Projects over the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.projects.models import Project, ProjectMember
from portal.foundation.models import AuditRow
from tests.plenty import plenty_of_projects


@pytest.fixture
def url(cast):
    return f"/api/v1/projects/{cast.project.code}/"


@pytest.fixture
def body(cast):
    return {
        "organisation": cast.organisation.code,
        "title": "Flood maps",
        "abstract": "Maps floods from space.",
        "sector": "climate",
        "data_class": "public",
    }


def test_the_api_asks_for_a_token(cast, api, url):
    assert api(None).get("/api/v1/projects/").status_code == 401
    assert api(None).get(url).status_code == 401


@pytest.mark.parametrize("who", ["outsider", "colleague", "site_manager", "reviewer"])
def test_a_project_of_others_is_404_in_every_way(cast, api, url, who):
    client = api(getattr(cast, who))
    assert client.get("/api/v1/projects/").json()["count"] == 0
    assert client.get(url).status_code == 404
    assert client.patch(url, {"title": "Mine"}, format="json").status_code == 404
    member = f"{url}members/{cast.member.code}/"
    for address in (
        *(f"{url}{verb}/" for verb in ("archive", "unarchive", "leave", "invitations", "links", "hand-over")),
        *(f"{url}{verb}/" for verb in ("classroom", "classroom/close", "hand-over/accept")),
        f"{member}cap/",
        f"{member}role/",
        f"{member}remove/",
    ):
        assert client.post(address, {"role": "manager"}, format="json").status_code == 404, address
    assert not AuditRow.objects.exists()


def test_a_project_from_creation_to_the_archive(cast, api, body):
    client = api(cast.pi)
    made = client.post("/api/v1/projects/", body, format="json")
    assert made.status_code == 201
    project = made.json()
    assert (project["role"], project["sector"], project["organisation"]) == (
        "pi",
        "climate",
        cast.organisation.code,
    )
    address = f"/api/v1/projects/{project['code']}/"
    assert client.patch(address, {"title": "Flood atlas"}, format="json").json()["title"] == "Flood atlas"
    asked = client.post(f"{address}invitations/", {"email": cast.outsider.email}, format="json")
    assert (asked.status_code, asked.json()["state"]) == (201, "pending")
    mine = f"/api/v1/project-invitations/{asked.json()['code']}/"
    assert client.get(mine).status_code == 404
    assert api(cast.outsider).post(f"{mine}accept/").json()["state"] == "accepted"
    added = client.get(address)
    assert [one["role"] for one in added.json()["members"]] == ["pi", "member"]
    assert cast.outsider.email not in added.content.decode()
    member = f"{address}members/{cast.outsider.code}/"
    changed = client.post(f"{member}role/", {"role": "manager"}, format="json")
    assert changed.json()["members"][1]["role"] == "manager"
    assert len(client.post(f"{member}remove/").json()["members"]) == 1
    assert client.post(f"{member}remove/").status_code == 404
    assert client.post(f"{address}archive/").json()["archived_at"]
    assert client.post(f"{address}archive/").status_code == 409
    assert client.post(f"{address}unarchive/").json()["archived_at"] is None
    assert AuditRow.objects.filter(object_code=project["code"], actor=cast.pi.code).count() == 6


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"title": ""}, 400, "title"),
        ({"abstract": "x" * 4001}, 400, "abstract"),
        ({"sector": "magic"}, 400, "sector"),
        ({"data_class": "secret"}, 400, "data_class"),
        ({"data_class": "private"}, 400, "data_class"),
        ({"organisation": "org-0000000000"}, 400, "organisation"),
    ],
)
def test_wrong_input_names_the_field(cast, api, body, change, status, field):
    reply = api(cast.pi).post("/api/v1/projects/", body | change, format="json")
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (status, field)
    assert Project.objects.count() == 1


def test_secret_data_is_refused_with_what_to_do(cast, api, body, url):
    secret = {"data_class": "secret"}
    for reply in (
        api(cast.pi).post("/api/v1/projects/", body | secret, format="json"),
        api(cast.pi).patch(url, secret, format="json"),
    ):
        fault = reply.json()["errors"][0]
        assert (fault["code"], bool(fault["remedy"])) == ("secret_refused", True)


def test_ones_own_organisation_only(cast, api, body):
    reply = api(cast.outsider).post("/api/v1/projects/", body, format="json")
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "organisation")


@pytest.mark.parametrize("who", ["member", "admin", "auditor"])
def test_readers_may_change_nothing(cast, api, url, who):
    client = api(getattr(cast, who))
    assert client.get(url).status_code == 200
    assert client.patch(url, {"title": "Mine"}, format="json").status_code == 403
    for part, body in [
        ("invitations", {"email": cast.colleague.email}),
        ("links", {}),
        ("hand-over", {"successor": cast.member.code}),
        ("classroom", {}),
        (f"members/{cast.member.code}/cap", {"gpu_seconds": 1}),
    ]:
        assert client.post(f"{url}{part}/", body, format="json").status_code == 403, part
    assert client.post(f"{url}archive/").status_code == 403
    assert not AuditRow.objects.exists()


def test_leaving(cast, api, url):
    assert api(cast.member).post(f"{url}leave/").status_code == 204
    assert api(cast.member).get(url).status_code == 404
    assert api(cast.pi).post(f"{url}leave/").status_code == 409


def test_a_manager_may_remove_oneself(cast, api, url):
    ProjectMember.objects.filter(user=cast.member).update(role="manager")
    assert api(cast.member).post(f"{url}members/{cast.member.code}/remove/").status_code == 204


def test_the_same_key_creates_once(cast, api, body):
    client = api(cast.pi)
    replies = [
        client.post("/api/v1/projects/", body, format="json", headers={"Idempotency-Key": "k1"})
        for _ in range(3)
    ]
    assert len({reply.json()["code"] for reply in replies}) == 1
    assert Project.objects.count() == 2


def test_sectors_are_listed_for_everybody(db, api):
    sectors = api(None).get("/api/v1/sectors/").json()["results"]
    assert len(sectors) == 12
    assert {"code": "health", "name_en": "Health", "name_ur": "صحت", "provisional": False} in sectors


@pytest.mark.parametrize("rows", [5, 500])
def test_query_counts_dont_grow(cast, api, url, rows):
    plenty_of_projects(cast, rows)
    for address, most in [("/api/v1/projects/?page_size=500", 10), (url, 15)]:
        with CaptureQueriesContext(connection) as queries:
            assert api(cast.auditor.fresh()).get(address).status_code == 200
        assert len(queries) <= most, address
