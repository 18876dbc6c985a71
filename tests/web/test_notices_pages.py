"""Notices on their page and over REST."""

import pytest
from django.core.cache import cache

from portal.foundation import clock
from portal.foundation.models import OutboxRow
from portal.notices.models import Notice
from portal.notices.selectors import mail_choices
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


def test_mail_settings_on_the_page(web, cast):
    browser = web(cast.pi)
    page = browser.get("/notices/settings/").content.decode()
    assert "Once a week, all in one mail" in page
    choices = dict.fromkeys(["requests", "allocations", "jobs", "people"], "never")
    assert (
        browser.post("/notices/settings/", choices | {"duties": "daily", "security": "at_once"}).status_code
        == 302
    )
    assert mail_choices(cast.pi) == choices | {"duties": "daily", "security": "at_once"}
    assert (
        browser.post("/notices/settings/", choices | {"duties": "never", "security": "at_once"}).status_code
        == 422
    )
    assert set(mail_choices(cast.member).values()) == {"at_once"}


def test_mail_settings_over_the_api(api, cast):
    client = api(cast.pi)
    assert client.get("/api/v1/notice-settings/").json()["jobs"] == "at_once"
    assert (
        client.patch("/api/v1/notice-settings/", {"jobs": "weekly"}, format="json").json()["jobs"] == "weekly"
    )
    assert client.get("/api/v1/notice-settings/").json()["jobs"] == "weekly"
    refusal = client.patch("/api/v1/notice-settings/", {"security": "never"}, format="json")
    assert refusal.status_code == 400
    assert "security" in str(refusal.json())
    assert api(None).get("/api/v1/notice-settings/").status_code == 401


def test_notices_are_narrowed_by_group(web, api, cast, notice):
    assert api(cast.pi).get("/api/v1/notices/?group=duties").json()["count"] == 1
    assert api(cast.pi).get("/api/v1/notices/?group=jobs").json()["count"] == 0
    assert "no notice fits" in web(cast.pi).get("/notices/?group=jobs").content.decode().lower()


@pytest.fixture
def stuck(db):
    cache.clear()
    rows = [
        OutboxRow(topic="mail", key=f"kind_{n}", error="Connection refused", attempts=3) for n in range(5)
    ]
    rows.append(OutboxRow(topic="digest", key="lost", failed_at=clock.now(), error="550 No", attempts=20))
    OutboxRow.objects.bulk_create(rows)


def test_admins_see_what_waits_and_push_it_on(web, api, cast, stuck, django_assert_max_num_queries):
    browser = web(cast.admin)
    browser.get("/waiting-mail/")  # what is remembered for a minute
    with django_assert_max_num_queries(10):
        page = browser.get("/waiting-mail/").content.decode()
    assert "550 No" in page
    assert "kind_4" in page
    assert "Mail that waits" in browser.get("/").content.decode()
    assert api(cast.admin).get("/api/v1/waiting-mail/").json()["given_up"] == 1
    assert browser.post("/waiting-mail/").status_code == 302
    assert not OutboxRow.objects.filter(failed_at__isnull=False).exists()
    assert api(cast.admin).post("/api/v1/waiting-mail/").json()["waiting"] == 6


def test_nobody_else_sees_it(web, api, cast, stuck):
    for user in (cast.council, cast.pi):
        assert web(user).get("/waiting-mail/").status_code == 403
        assert web(user).post("/waiting-mail/").status_code == 403
        assert api(user).get("/api/v1/waiting-mail/").status_code == 403
        assert api(user).post("/api/v1/waiting-mail/").status_code == 403
        assert "Mail that waits" not in web(user).get("/").content.decode()
    assert OutboxRow.objects.filter(failed_at__isnull=False).exists()
