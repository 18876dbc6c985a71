"""A session's activity is noted now and then, not with every page."""

from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext


def notes_of(browser):
    with CaptureQueriesContext(connection) as queries:
        browser.get("/sites/")
    return sum("usersessions_usersession" in query["sql"] for query in queries)


def test_activity_is_noted_once_in_an_interval(cast, web):
    cache.clear()
    browser = web(cast.pi)
    assert notes_of(browser) > 0
    assert notes_of(browser) == 0
    cache.clear()  # The interval is over.
    assert notes_of(browser) > 0


def test_visitors_leave_no_note(cast, web):
    assert notes_of(web(None)) == 0
