"""Pages of quotas and programmes: for who sets them, for who may only read, and for nobody else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.awards.quotas.models import ProjectEndorsement, Quota
from allocations.awards.quotas.services import quota_set
from allocations.awards.services import award_make
from allocations.projects.models import Sector
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.people.models import Organisation, OrganisationEndorsement, Programme
from tests.cast import Cast
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db
NOW = Quarter.of(clock.today())
FORM = {
    "kind": "cap",
    "value": "class:academic",
    "percent": "10",
    "from_quarter": str(NOW),
    "reason": "Agreed",
}


@pytest.fixture
def body(cast: Cast) -> Programme:
    made = Programme.objects.create(kind="zone", name_en="Zone of Haripur")
    made.coordinators.add(cast.council)
    return made


def quota(cast: Cast, **changes: object) -> Quota:
    given = {
        "actor": cast.admin,
        "kind": "cap",
        "dimension": "class",
        "value": "academic",
        "percent": Decimal(10),
        "from_quarter": str(NOW),
        "reason": "Agreed",
    }
    return quota_set(**{**given, **changes})  # type: ignore[arg-type]


def test_an_admin_sets_changes_and_ends(cast: Cast, web) -> None:
    browser = web(cast.admin)
    assert "Set a quota" in browser.get("/quotas/").content.decode()
    assert browser.get("/quotas/new/").status_code == 200
    assert browser.post("/quotas/new/", FORM).status_code == 302
    row = Quota.objects.get()
    assert (row.dimension, row.value, row.enforced, row.resource) == ("class", "academic", True, None)
    page = browser.get(row.get_absolute_url()).content.decode()
    assert "Academic or research institution" in page
    changed = browser.post(
        f"{row.get_absolute_url()}change/", {**FORM, "percent": "", "gpu_hours": "5", "enforced": "no"}
    )
    assert changed.status_code == 302
    row = Quota.objects.get(ended_at=None)
    assert (row.percent, row.gpu_seconds, row.enforced) == (None, 5 * HOUR, False)
    assert browser.post(f"{row.get_absolute_url()}end/", {"reason": "No need"}).status_code == 302
    assert "No quotas yet" in browser.get("/quotas/").content.decode()
    assert browser.get(row.get_absolute_url()).status_code == 200


def test_refusals_stand_at_their_field(cast: Cast, web) -> None:
    page = web(cast.admin).post("/quotas/new/", {**FORM, "percent": ""})
    assert page.status_code == 422
    assert "Give one of the two" in page.content.decode()
    assert not Quota.objects.exists()


def test_site_managers_see_their_resources_only(cast: Cast, web) -> None:
    browser = web(cast.site_manager)
    assert browser.post("/quotas/new/", FORM).status_code == 422
    assert browser.post("/quotas/new/", {**FORM, "resource": cast.resource.code}).status_code == 302
    whole = quota(cast)
    assert browser.get(f"{whole.get_absolute_url()}change/").status_code == 403


@pytest.mark.parametrize("who", ["pi", "council", "outsider"])
def test_others_only_read(cast: Cast, web, who: str) -> None:
    row, browser = quota(cast), web(getattr(cast, who))
    assert browser.get("/quotas/").status_code == 200
    assert browser.get(row.get_absolute_url()).status_code == 200
    for path in ("/quotas/new/", f"{row.get_absolute_url()}change/", f"{row.get_absolute_url()}end/"):
        assert browser.get(path).status_code == 403
        assert browser.post(path, FORM).status_code == 403
    assert web(None).get("/quotas/").status_code == 302


def test_the_panel_tells_what_an_award_would_do(cast: Cast, web) -> None:
    quota(cast)
    today = clock.today()
    asked = {
        "project": cast.project.code,
        "gpu_hours": "1500",
        "starts_on": str(today),
        "ends_on": str(today),
    }
    path = f"/resources/{cast.resource.code}/shares/"
    whole = web(cast.council).get(path, asked).content.decode()
    assert "Beyond the cap" in whole
    assert "<html" in whole
    panel = web(cast.council).get(path, asked, headers={"HX-Request": "true"}).content.decode()
    assert "Beyond the cap" in panel
    assert "<html" not in panel
    for odd in ({"gpu_hours": "x"}, {"ends_on": "never"}, {"starts_on": str(today + timedelta(days=9))}):
        assert web(cast.pi).get(path, asked | odd).status_code == 200


def test_a_coordinator_endorses_and_withdraws(cast: Cast, body: Programme, web) -> None:
    browser, path = web(cast.council), body.get_absolute_url()
    asked = {"organisation": cast.organisation.code, "reason": "Tenant"}
    # What may not be endorsed is no answer; where several fit, they are listed; a part of a name is enough.
    for text, told in (("nobody", "None fits"), ("i", cast.other_organisation.code)):
        tried = browser.post(f"{path}organisations/endorse/", asked | {"organisation": text})
        assert (tried.status_code, told in tried.content.decode()) == (422, True)
    assert browser.post(f"{path}organisations/endorse/", {"organisation": "indus rob"}).status_code == 302
    OrganisationEndorsement.objects.all().delete()
    assert browser.post(f"{path}organisations/endorse/", asked).status_code == 302
    assert browser.post(f"{path}projects/endorse/", {"project": "prj-none"}).status_code == 422
    assert browser.post(f"{path}projects/endorse/", {"project": cast.project.code}).status_code == 302
    page = browser.get(path).content.decode()
    assert "NED University" in page
    assert "Retina screening" in page
    for row in (OrganisationEndorsement.objects.get(), ProjectEndorsement.objects.get()):
        withdrawn = browser.post(f"{path}endorsements/{row.code}/withdraw/", {"reason": "Moved"})
        assert withdrawn.status_code == 302
        row.refresh_from_db()
        assert row.withdrawn_by == cast.council
    assert browser.get(f"{path}endorsements/{row.code}/withdraw/").status_code == 404


def test_admins_keep_programmes(cast: Cast, web) -> None:
    browser = web(cast.admin)
    given = {"kind": "fund", "name_en": "Fund", "sector": "climate", "coordinators": "council@example.pk"}
    wrong = browser.post("/programmes/new/", {**given, "coordinators": "who@example.pk"})
    assert wrong.status_code == 422
    assert "who@example.pk" in wrong.content.decode()
    assert browser.post("/programmes/new/", given).status_code == 302
    body = Programme.objects.get()
    assert list(body.coordinators.all()) == [cast.council]
    assert str(Sector.objects.get(code="climate")) in browser.get(body.get_absolute_url()).content.decode()
    edited = browser.post(f"{body.get_absolute_url()}edit/", {**given, "name_en": "National Fund"})
    assert edited.status_code == 302
    assert "National Fund" in browser.get("/programmes/?q=national").content.decode()
    assert browser.post(f"{body.get_absolute_url()}close/", {"reason": "Merged"}).status_code == 302
    assert "Closed" in browser.get("/programmes/").content.decode()


@pytest.mark.parametrize("who", ["pi", "site_manager", "outsider"])
def test_others_read_programmes_without_their_projects(cast: Cast, body: Programme, web, who: str) -> None:
    ProjectEndorsement.objects.create(programme=body, project=cast.project, endorsed_by=cast.admin)
    browser, path = web(getattr(cast, who)), body.get_absolute_url()
    page = browser.get(path)
    assert page.status_code == 200
    assert "Projects it stands for" not in page.content.decode()
    for form in ("edit/", "close/", "organisations/endorse/", "projects/endorse/"):
        assert browser.get(f"{path}{form}").status_code == 403
    assert browser.get("/programmes/new/").status_code == 403


def queries(browser, path: str) -> list[str]:
    """All but the frame's that it remembers for a minute."""
    with CaptureQueriesContext(connection) as found:
        assert browser.get(path).status_code == 200
    return [query["sql"][:90] for query in found if "is_sandbox" not in query["sql"]]


def plenty(cast: Cast, rows: int) -> None:
    bodies = Programme.objects.bulk_create(
        Programme(kind="fund", name_en=f"Fund {rows}-{number:03}") for number in range(rows)
    )
    homes = Organisation.objects.bulk_create(
        Organisation(name=f"Home {number}", kind="startup", province="kp") for number in range(rows)
    )
    OrganisationEndorsement.objects.bulk_create(
        OrganisationEndorsement(programme=body, organisation=home, endorsed_by=cast.admin)
        for body in bodies
        for home in homes[:3]
    )
    Quota.objects.bulk_create(
        Quota(
            series=f"qse-{rows}-{number}",
            kind=kind,
            dimension="programme",
            value=body.code,
            percent=1,
            from_quarter=str(NOW),
            enforced=True,
            reason="R",
        )
        for number, body in enumerate(bodies)
        for kind in ("floor",)
    )


def test_lists_cost_the_same_whatever_they_hold(cast: Cast, web) -> None:
    fund(cast.resource)
    today = clock.today()
    for _number in range(3):
        award_make(
            actor=cast.council,
            project=cast.project,
            resource=cast.resource,
            gpu_seconds=HOUR,
            starts_on=today,
            ends_on=today,
        )
    browser, paths = web(cast.outsider), ("/quotas/", "/programmes/")
    plenty(cast, 5)
    browser.get(paths[0])  # the session's first page notes more
    few = {path: queries(browser, path) for path in paths}
    plenty(cast, 50)
    for path in paths:
        many = queries(browser, path)
        assert len(many) == len(few[path]) <= 14, (path, many, few[path])
