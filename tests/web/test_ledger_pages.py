"""The statement of an allocation, as page and as CSV."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from portal.foundation import clock
from tests.ledger_stage import HOUR, funded_allocation


@pytest.fixture
def allocation(cast):
    return funded_allocation(cast)


def url(allocation, name="ledger"):
    return reverse(name, args=[allocation.code])


def rows(response):
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_a_member_reads_what_became_of_the_budget(cast, web, allocation):
    response = web(cast.member).get(url(allocation))
    assert response.status_code == 200
    told = [
        (entry.posting.kind, entry.change, entry.available, entry.by) for entry in response.context["entries"]
    ]
    assert told == [
        ("refund", HOUR // 2, 99 * HOUR + HOUR // 2, "Admin"),
        ("release", HOUR, 99 * HOUR, ""),
        ("charge", 0, 98 * HOUR, ""),
        ("hold", -2 * HOUR, 98 * HOUR, ""),
        ("award", 100 * HOUR, 100 * HOUR, "Council"),
    ]
    text = response.content.decode()
    for words in ("used from what was set aside", "no longer set aside", "The node failed.", "Council"):
        assert words in text


@pytest.mark.parametrize("name", ["ledger", "ledger_csv"])
def test_who_reads_it(cast, web, allocation, name):
    for person in (cast.pi, cast.site_manager, cast.admin, cast.auditor):
        assert web(person).get(url(allocation, name)).status_code == 200
    assert web(cast.outsider).get(url(allocation, name)).status_code == 404
    assert web(None).get(url(allocation, name)).status_code == 302


def test_filters_keep_the_running_balance_true(cast, web, allocation):
    client = web(cast.pi)
    (entry,) = client.get(url(allocation), {"kind": "hold"}).context["entries"]
    assert entry.available == 98 * HOUR
    job = entry.job
    kinds = [e.posting.kind for e in client.get(url(allocation), {"about": job}).context["entries"]]
    assert kinds == ["release", "charge", "hold"]
    day = clock.today()
    assert len(client.get(url(allocation), {"since": day, "until": day}).context["entries"]) == 5
    empty = client.get(url(allocation), {"until": day - timedelta(days=1)})
    assert "No entry fits this filter" in empty.content.decode()
    assert client.get(url(allocation), {"kind": "nonsense"}).status_code == 200


def test_the_csv_has_one_row_a_transfer(cast, web, allocation):
    head, *lines = rows(web(cast.pi).get(url(allocation, "ledger_csv")))
    assert len(lines) == 5
    award = dict(zip(head, lines[-1], strict=True))
    assert (award["From"], award["To"], award["GPU-seconds"]) == ("pool", "available", str(100 * HOUR))
    assert award["Available after (GPU-seconds)"] == str(100 * HOUR)
    assert award["Reason"] == "'=SUM(A1) of merit"  # no formula in a spreadsheet
    filtered = rows(web(cast.pi).get(url(allocation, "ledger_csv"), {"kind": "charge"}))
    assert len(filtered) == 2
    assert web(cast.pi).get(url(allocation, "ledger_csv"), {"since": "soon"}).status_code == 400


def test_queries_dont_grow_with_the_entries(cast, web, allocation, django_assert_max_num_queries):
    client = web(cast.pi)
    client.get(url(allocation))
    long = funded_allocation(cast, jobs=20)
    with django_assert_max_num_queries(10):
        short_page = client.get(url(allocation))
    with django_assert_max_num_queries(10):
        long_page = client.get(url(long))
    assert (len(short_page.context["entries"]), len(long_page.context["entries"])) == (5, 25)
    assert long_page.context["paginator"].count == 62


def test_a_new_allocation_has_no_entries_yet(cast, web):
    allocation = funded_allocation(cast)
    bare = type(allocation).objects.create(
        project=cast.project, resource=cast.resource, starts_on=clock.today(), ends_on=clock.today()
    )
    assert "No entries yet" in web(cast.pi).get(url(bare)).content.decode()
