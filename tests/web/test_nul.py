"""NUL characters, which PostgreSQL stores in no text: refused everywhere, never an error of ours."""

import pytest
from django.urls import get_resolver, reverse

from tests.web.test_outsider import LIBRARIES, walk

pytestmark = pytest.mark.django_db
QUERY = "?q=%00&project=%00&code=a%00b"


def lists() -> dict[str, bool]:
    """The addresses that name no thing, and whether they are of the API."""
    return {
        reverse(pattern.name): path.startswith("api/")
        for path, pattern in walk(get_resolver().url_patterns)
        if pattern.name and not pattern.pattern.regex.groupindex and not path.startswith(LIBRARIES)
    }


def test_in_a_query_it_is_refused_by_every_list(web, api, cast):
    browser, machine = web(cast.admin), api(cast.admin)
    found = lists()
    assert {"/organisations/", "/register/", "/api/v1/jobs/"} <= found.keys()
    told = {path: (machine if is_api else browser).get(path + QUERY) for path, is_api in found.items()}
    answers = {path: answer.status_code for path, answer in told.items()}
    assert not {path: status for path, status in answers.items() if status not in (400, 405)}
    problem = told["/api/v1/jobs/"].json()
    assert (problem["status"], problem["errors"][0]["code"]) == (400, "invalid")
    assert "NUL" in told["/organisations/"].content.decode()


def test_a_thing_is_not_looked_up_by_it(web, api, cast):
    resource = cast.resource.get_absolute_url()
    assert web(cast.pi).get(f"{resource}shares/?project=%00").status_code == 400
    assert web(None).get("/letters/?code=%00").status_code == 400
    assert web(None).get("/letters/a%00b/").status_code == 400
    assert api(None).get("/api/v1/register/?q=a%00").status_code == 400
    assert api(None).get("/api/v1/register/?q=a%2500").status_code == 200  # the letters, no NUL


def test_what_is_sent_has_none(web, api, cast):
    body = cast.organisation.get_absolute_url()
    role = f"{body}members/{cast.member.code}/role/"
    assert web(cast.pi).post(role, {"role": "ow\0ner"}).status_code == 400
    made = api(cast.pi).post(
        "/api/v1/organisations/", {"name": "a\0b", "kind": "startup", "province": "kp"}, format="json"
    )
    assert (made.status_code, made.json()["errors"][0]["field"]) == (400, "name")
