"""Notices on their page and over REST."""

import pytest

from portal.notices.models import Notice
from portal.notices.services.notices import notify

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(cast) -> Notice:
    return notify(
        users=[cast.pi],
        kind="test",
        subject="About %(what)s",
        body="Text",
        params={"what": "<b>Retina</b>"},
        url="/profile/",
    )[0]


def test_a_notice_is_listed_and_followed(web, cast, notice):
    browser = web(cast.pi)
    page = browser.get("/notices/").content.decode()
    assert "About &lt;b&gt;Retina&lt;/b&gt;" in page
    assert browser.get(notice.get_absolute_url()).url == "/profile/"
    notice.refresh_from_db()
    assert notice.is_read
    assert "no notice fits" in browser.get("/notices/?unread=true").content.decode().lower()


def test_nobody_reads_anothers(web, api, cast, notice):
    assert web(cast.outsider).get(notice.get_absolute_url()).status_code == 404
    assert "Retina" not in web(cast.outsider).get("/notices/").content.decode()
    assert api(cast.outsider).get(f"/api/v1/notices/{notice.code}/").status_code == 404
    assert api(cast.outsider).post(f"/api/v1/notices/{notice.code}/read/").status_code == 404
    web(cast.outsider).post("/notices/read/")
    notice.refresh_from_db()
    assert not notice.is_read


def test_all_are_marked_as_read(web, cast, notice):
    web(cast.pi).post("/notices/read/")
    notice.refresh_from_db()
    assert notice.is_read
    assert web(cast.pi).get("/notices/read/").url == "/notices/"


def test_a_foreign_address_leads_nowhere(web, cast, notice):
    Notice.objects.update(url="https://elsewhere.example/")
    assert web(cast.pi).get(notice.get_absolute_url()).url == "/notices/"


def test_notices_over_the_api(api, cast, notice):
    listed = api(cast.pi).get("/api/v1/notices/?unread=true").json()["results"]
    assert [row["title"] for row in listed] == ["About <b>Retina</b>"]
    assert api(cast.pi).post(f"/api/v1/notices/{notice.code}/read/").json()["read_at"]
    assert api(cast.pi).get("/api/v1/notices/?unread=true").json()["count"] == 0
