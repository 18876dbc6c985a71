"""Pages of a site's outages: everybody reads them, who runs the site records them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from datacenters.models import Outage
from portal.foundation import clock
from tests.cast import Cast

pytestmark = pytest.mark.django_db
PATH = "/sites/ned/outages/"


def local(hours: int) -> str:
    """As a browser sends a moment: Pakistan's time, to the minute."""
    moment = timezone.localtime(clock.now() + timedelta(hours=hours), clock.KARACHI)
    return moment.strftime("%Y-%m-%dT%H:%M")


def test_recorded_ended_corrected_withdrawn(cast: Cast, web) -> None:
    browser = web(cast.site_manager)
    assert browser.get(f"{PATH}new/").status_code == 200
    form = {"part": "cluster", "kind": "unplanned", "cause": "cooling", "starts_at": local(-3), "note": "Fan"}
    assert browser.post(f"{PATH}new/", form).status_code == 302
    outage = Outage.objects.get()
    assert (outage.cluster, outage.state) == (cast.cluster, Outage.State.ONGOING)
    assert "It is over" in browser.get(PATH).content.decode()
    assert "Cooling" in web(None).get("/sites/ned/").content.decode()
    browser = web(cast.site_manager)
    one = f"{PATH}{outage.code}/"
    assert browser.get(one).url.endswith(f"#{outage.code}")
    assert browser.post(f"{one}end/", {}).status_code == 302
    wrong = {"starts_at": local(-3), "ends_at": local(-4), "reason": "Typo"}
    assert browser.post(f"{one}correct/", wrong).status_code == 422
    assert browser.post(f"{one}correct/", {**wrong, "ends_at": local(-1)}).status_code == 302
    assert browser.post(f"{one}withdraw/", {"reason": "Another site's"}).status_code == 302
    outage.refresh_from_db()
    assert outage.state == Outage.State.WITHDRAWN
    assert "Withdrawn" in browser.get(f"{PATH}?state=withdrawn").content.decode()


@pytest.mark.parametrize("who", ["pi", "council", "outsider"])
def test_others_only_read(cast: Cast, web, who: str) -> None:
    browser = web(getattr(cast, who))
    assert "No outages recorded" in browser.get(PATH).content.decode()
    assert browser.get(f"{PATH}new/").status_code == 403
    form = {"kind": "unplanned", "cause": "power", "starts_at": local(-3)}
    assert browser.post(f"{PATH}new/", form).status_code == 403
    assert not Outage.objects.exists()
