"""Pages of projects, for those who may and those who may not."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.projects.models import Project, ProjectMember
from portal.foundation import clock
from portal.foundation.models import AuditRow
from portal.people.models import Verification
from tests.plenty import plenty_of_projects


@pytest.fixture
def url(cast):
    return f"/projects/{cast.project.code}/"


@pytest.fixture
def typed(cast):
    return {
        "organisation": cast.organisation.code,
        "title": "Flood maps",
        "abstract": "Maps floods from space.",
        "sector": "climate",
        "data_class": "public",
    }


# --- Who gets in ------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["outsider", "colleague", "site_manager", "reviewer"])
def test_a_project_of_others_is_404_everywhere(cast, web, url, who):
    browser = web(getattr(cast, who))
    assert browser.get(url).status_code == 404
    assert cast.project.title not in browser.get("/projects/").content.decode()
    member = f"{url}members/{cast.member.code}/"
    forms = ("edit", "invite", "links/new", "hand-over", "course/open", "course/edit", "course/close")
    for address in (*(f"{url}{form}/" for form in forms), f"{member}cap/"):
        assert browser.get(address).status_code == 404, address
        assert browser.post(address, {}).status_code == 404, address
    for address in (
        *(
            f"{url}{verb}/"
            for verb in ("archive", "unarchive", "leave", "hand-over/accept", "course/code/new")
        ),
        f"{member}role/",
        f"{member}remove/",
    ):
        assert browser.post(address, {"role": "manager"}).status_code == 404, address
    assert not AuditRow.objects.exists()
    assert cast.project.members.count() == 2


@pytest.mark.parametrize("who", ["pi", "member", "council", "admin", "auditor"])
def test_who_reads_it(cast, web, url, who):
    page = web(getattr(cast, who)).get(url)
    assert page.status_code == 200
    text = page.content.decode()
    assert "Finds retinopathy early." in text
    manages = who == "pi"
    assert ("Invite by e-mail" in text) is manages
    assert (cast.member.email in text) is manages
    assert ("Leave the project" in text) is (who == "member")


@pytest.mark.parametrize("who", ["member", "admin"])
def test_readers_may_change_nothing(cast, web, url, who):
    browser = web(getattr(cast, who))
    assert browser.get(f"{url}edit/").status_code == 403
    assert browser.post(f"{url}invite/", {"email": cast.colleague.email}).status_code == 403
    for page in ("course", "course/open", "links/new", "hand-over", f"members/{cast.member.code}/cap"):
        assert browser.get(f"{url}{page}/").status_code == 403, page
    assert browser.get(f"{url}course/students.csv").status_code == 403
    browser.post(f"{url}archive/")
    browser.post(f"{url}members/{cast.pi.code}/remove/")
    cast.project.refresh_from_db()
    assert cast.project.archived_at is None
    assert not AuditRow.objects.exists()


def test_visitors_are_asked_to_sign_in(cast, web, url):
    for address in ("/projects/", "/projects/new/", url):
        assert web(None).get(address).status_code == 302


# --- Creating and changing --------------------------------------------------------------------------
def test_a_project_is_created(cast, web, typed):
    browser = web(cast.colleague)
    assert "selected>NED University" in browser.get("/projects/new/").content.decode()
    reply = browser.post("/projects/new/", typed)
    project = Project.objects.get(title="Flood maps")
    assert reply.url == project.get_absolute_url()
    assert project.members.get().user == cast.colleague
    row = AuditRow.objects.get(action="project_create")
    assert (row.actor, row.channel) == (cast.colleague.code, "web")
    assert browser.get(reply.url).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"abstract": "x" * 4001}, "abstract"),
        ({"sector": "magic"}, "sector"),
        ({"data_class": "secret"}, "data_class"),
        ({"organisation": "other"}, "organisation"),
    ],
)
def test_wrong_input_names_the_field_and_stays(cast, web, typed, change, field):
    if change == {"organisation": "other"}:
        change = {"organisation": cast.other_organisation.code}
    page = web(cast.pi).post("/projects/new/", typed | {"abstract": "Kept words"} | change)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert ("Kept words" in page.content.decode()) or field == "abstract"
    assert Project.objects.count() == 1


def test_an_unverified_organisation_is_named_at_its_field(cast, web, typed):
    Verification.objects.all().delete()
    browser = web(cast.pi)
    assert "not verified yet" in browser.get("/projects/new/").content.decode()
    page = browser.post("/projects/new/", typed)
    assert page.status_code == 422
    assert "evidence" in page.context["form"].errors["organisation"][0]


def test_without_an_organisation_one_is_told_what_to_do(cast, web):
    page = web(cast.site_manager).get("/projects/new/")
    assert page.status_code == 403
    assert "invite" in page.content.decode()


def test_a_project_is_changed(cast, web, url):
    browser = web(cast.pi)
    form = browser.get(f"{url}edit/").context["form"]
    assert form.initial["sector"] == "health"
    changed = form.initial | {"title": "Retina", "data_class": "restricted"}
    assert browser.post(f"{url}edit/", changed).url == url
    row = AuditRow.objects.get(action="project_update")
    assert row.after == {"title": "Retina", "data_class": "restricted"}


def test_archiving_can_be_undone(cast, web, url):
    browser = web(cast.pi)
    page = browser.post(f"{url}archive/", follow=True).content.decode()
    assert "Take out of the archive" in page
    assert "Invite by e-mail" not in page
    assert browser.get(f"{url}edit/").status_code == 409
    browser.post(f"{url}unarchive/")
    cast.project.refresh_from_db()
    assert cast.project.archived_at is None
    assert "archived" in browser.post(f"{url}unarchive/", follow=True).content.decode()


# --- Members ----------------------------------------------------------------------------------------
def test_members_change_and_go(cast, web, url):
    browser = web(cast.pi)
    browser.post(f"{url}members/{cast.member.code}/role/", {"role": "manager"})
    assert ProjectMember.objects.get(user=cast.member).role == "manager"
    page = browser.post(f"{url}members/{cast.member.code}/remove/", follow=True)
    assert cast.member.email in page.content.decode()
    assert web(cast.member).get(url).status_code == 404
    assert AuditRow.objects.filter(object_code=cast.project.code).count() == 2


def test_who_leaves_lands_on_the_list(cast, web, url):
    page = web(cast.member).post(f"{url}leave/", follow=True)
    assert page.redirect_chain == [("/projects/", 302)]
    assert "You left the project" in page.content.decode()
    assert not cast.project.members.filter(user=cast.member).exists()


def test_the_pi_cant_leave_and_is_told_why(cast, web, url):
    page = web(cast.pi).post(f"{url}leave/", follow=True).content.decode()
    assert "keeps its principal investigator" in page
    assert cast.project.members.filter(user=cast.pi).exists()


def test_a_member_who_has_gone_is_404(cast, web, url):
    address = f"{url}members/{cast.colleague.code}/remove/"
    reply = web(cast.pi).post(address, follow=True)
    assert "any more" in reply.content.decode()


# --- Lists ------------------------------------------------------------------------------------------
def test_the_list_is_searched_filtered_sorted_and_paged(cast, web):
    plenty_of_projects(cast, 30)
    Project.objects.filter(title="Study 007").update(archived_at=clock.now())

    def shown(query):
        return [project.title for project in web(cast.pi).get(f"/projects/?{query}").context["page_obj"]]

    assert len(shown("")) == 25
    assert len(shown("page=2")) == 6
    assert shown("q=retina+screening") == ["Retina screening"]
    assert shown("sector=health") == ["Retina screening"]
    assert shown("state=archived") == ["Study 007"]
    assert shown("ordering=title")[0] == "Retina screening"
    assert len(shown("organisation=ned+uni")) == 25
    assert shown(f"organisation={cast.other_organisation.code}") == []
    assert "Show all" in web(cast.pi).get("/projects/?q=nothing").content.decode()


def test_an_empty_list_calls_to_action(cast, web):
    assert "New project" in web(cast.outsider).get("/projects/").content.decode()
    assert "Projects belong to organisations" in web(cast.site_manager).get("/projects/").content.decode()


@pytest.mark.parametrize("rows", [5, 500])
def test_query_counts_dont_grow(cast, web, url, rows):
    plenty_of_projects(cast, rows)
    for user in (cast.pi, cast.auditor):
        browser = web(user)
        for address, most in [("/projects/", 10), (url, 15)]:
            browser.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(address).status_code == 200
            assert len(queries) <= most, "\n".join(query["sql"][:300] for query in queries)
