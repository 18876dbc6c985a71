"""The kill switches: service, page and API, by admins and by everybody else; the banner tells admins."""

import pytest

from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow
from scheduler_bridge import tasks
from scheduler_bridge.installation.services import sending_resume, sending_stop
from scheduler_bridge.jobs.services import job_cancel
from scheduler_bridge.models import SendingStop

pytestmark = pytest.mark.django_db


def test_a_national_stop_keeps_jobs_waiting_and_lets_them_go_on(stage):
    admin = stage.cast.admin
    sending_stop(actor=admin, reason="Attack on a site")
    job = stage.submit()
    assert tasks.dispatch("ned") == 0
    assert stage.copies(job) == 0
    sending_resume(actor=admin, reason="Over")
    assert tasks.dispatch("ned") == 1
    assert set(AuditRow.objects.filter(action__startswith="sending_").values_list("action", "reason")) == {
        ("sending_stop", "Attack on a site"),
        ("sending_resume", "Over"),
    }


def test_a_stop_of_one_cluster_leaves_the_others(stage, cast):
    from tests.cast import site

    other = site("quetta").cluster
    sending_stop(actor=cast.admin, cluster=other, reason="Their network is down")
    job = stage.submit()
    assert tasks.dispatch("ned") == 1
    assert stage.copies(job) == 1
    sending_stop(actor=cast.admin, cluster=stage.cluster, reason="Theirs as well")
    stage.submit()
    assert tasks.dispatch("ned") == 0


def test_what_was_sent_can_still_be_cancelled(stage):
    job = stage.submit(wall_minutes=60)
    stage.drain()
    sending_stop(actor=stage.cast.admin, reason="Look into it")
    job.refresh_from_db()
    job_cancel(actor=stage.cast.pi, job=job)
    tasks.follow("ned")
    stage.follow()
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_who_may(cast, settings):
    for person in (cast.pi, cast.site_manager, cast.council, cast.outsider):
        with pytest.raises(NotAllowed):
            sending_stop(actor=person, reason="Because")
    with pytest.raises(InvalidInput):
        sending_stop(actor=cast.admin, reason="  ")
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        sending_stop(actor=cast.admin, reason="Because")
    assert not SendingStop.objects.exists()


def test_twice_is_told(cast):
    with pytest.raises(IllegalState):
        sending_resume(actor=cast.admin, reason="Go")
    sending_stop(actor=cast.admin, reason="Stop")
    with pytest.raises(IllegalState):
        sending_stop(actor=cast.admin, reason="Stop")


def test_the_page(web, cast):
    browser = web(cast.admin)
    assert "Stop sending to all sites" in browser.get("/sending/").text
    assert browser.post("/sending/stop/", {"reason": ""}).status_code == 422
    answer = browser.post("/sending/stop/", {"cluster": "ned", "reason": "Power cut"}, follow=True)
    assert "Power cut" in answer.text
    assert SendingStop.objects.get().cluster == cast.cluster
    again = browser.post("/sending/stop/", {"cluster": "ned", "reason": "Power cut"})
    assert "stopped there already" in again.text
    browser.post("/sending/resume/", {"cluster": "ned", "reason": "Power is back"})
    assert not SendingStop.objects.exists()


def test_the_banner_is_for_admins(web, cast):
    sending_stop(actor=cast.admin, reason="Attack on a site")
    assert "Attack on a site" in web(cast.admin).get("/").text
    assert "Attack on a site" not in web(cast.pi).get("/").text


@pytest.mark.parametrize("path", ["/sending/", "/sending/stop/", "/sending/resume/"])
def test_nobody_else_sees_the_pages(web, cast, path):
    for person in (cast.pi, cast.site_manager, cast.outsider):
        assert web(person).get(path).status_code == 403
        assert web(person).post(path, {"reason": "Because"}).status_code in {403, 405}
    assert web(None).get(path).status_code == 302
    assert not SendingStop.objects.exists()


def test_the_api(api, cast):
    admin = api(cast.admin)
    assert admin.get("/api/v1/sending/").json() == []
    told = admin.post("/api/v1/sending/stop/", {"cluster": "ned", "reason": "Power cut"}).json()
    assert [(row["cluster"], "Power cut" in row["text"]) for row in told] == [("ned", True)]
    assert admin.post("/api/v1/sending/stop/", {"cluster": "ned", "reason": "Again"}).status_code == 409
    assert admin.post("/api/v1/sending/stop/", {"cluster": "nowhere", "reason": "x"}).status_code == 400
    assert admin.post("/api/v1/sending/resume/", {"cluster": "ned", "reason": "Back"}).json() == []
    for person in (cast.pi, cast.outsider):
        assert api(person).get("/api/v1/sending/").status_code == 403
        assert api(person).post("/api/v1/sending/stop/", {"reason": "Because"}).status_code == 403
    assert not SendingStop.objects.exists()
