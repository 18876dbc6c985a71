"""Letters for those who may see the allocation; the check of a letter for everybody."""

from datetime import timedelta

import pytest

from allocations.awards import services
from allocations.awards.models import Award, Letter
from allocations.awards.services.letters import letter_issue
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db


@pytest.fixture
def award(cast: Cast) -> Award:
    fund(cast.resource)
    day = clock.today()
    return services.award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=100 * HOUR,
        starts_on=day,
        ends_on=day + timedelta(days=60),
    )


def test_members_and_overseers_have_the_letter(web, api, cast: Cast, award: Award) -> None:
    for user in (cast.pi, cast.member, cast.site_manager, cast.admin):
        answer = web(user).get(f"/awards/{award.code}/letter.pdf?lang=ur")
        assert answer.status_code == 200, user
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
    answer = api(cast.pi).get(f"/api/v1/awards/{award.code}/letter/?lang=en")
    assert answer.content.startswith(b"%PDF-")
    page = web(cast.pi).get(award.allocation.get_absolute_url()).content.decode()
    assert f"/awards/{award.code}/letter.pdf?lang=ur" in page


def test_others_have_not(web, api, cast: Cast, award: Award) -> None:
    for user in (cast.outsider, cast.colleague):
        assert web(user).get(f"/awards/{award.code}/letter.pdf").status_code == 404
        assert api(user).get(f"/api/v1/awards/{award.code}/letter/").status_code == 404
    assert web(None).get(f"/awards/{award.code}/letter.pdf").status_code == 302
    assert api(None).get(f"/api/v1/awards/{award.code}/letter/").status_code == 401
    assert not Letter.objects.exists()


def test_an_unknown_language_is_refused_with_a_remedy(web, api, cast: Cast, award: Award) -> None:
    page = web(cast.pi).get(f"/awards/{award.code}/letter.pdf?lang=fr")
    assert page.status_code == 400
    assert "en, ur" in page.content.decode()
    assert api(cast.pi).get(f"/api/v1/awards/{award.code}/letter/?lang=fr").status_code == 400


def test_anybody_can_check_a_letter(web, api, cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    browser = web(None)
    assert browser.get("/letters/").status_code == 200
    asked = browser.get("/letters/", {"code": letter.code.upper()})
    assert asked.url == f"/letters/{letter.code}/"
    page = browser.get(asked.url).content.decode()
    assert "This letter is genuine" in page
    assert "NED University" in page
    assert "100" in page
    said = api(None).get(f"/api/v1/letters/{letter.code}/").json()
    assert (said["organisation"], said["gpu_hours"], said["state"]) == ("NED University", 100, "provisioning")
    for told in (page, str(said)):
        assert cast.pi.email not in told
        assert "investigator" not in told


def test_a_wrong_code_is_no_letter(web, api, cast: Cast, award: Award) -> None:
    letter_issue(actor=cast.pi, award=award)
    for code in ("ltr-0000000000", award.code):
        page = web(None).get(f"/letters/{code}/")
        assert page.status_code == 404
        assert "No such letter" in page.content.decode()
        assert web(None).get("/letters/", {"code": code}).status_code == 404
        answer = api(None).get(f"/api/v1/letters/{code}/")
        assert answer.status_code == 404
        assert "no such letter" in str(answer.json())
    assert web(None).get("/letters/", {"code": "<b>"}).status_code == 404
