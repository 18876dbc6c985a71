"""Pages by which people come into a project, lead it and take courses; also for those who may not."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allocations.projects.models import Classroom, HandOver, ProjectInvitation, ProjectLink, ProjectMember
from allocations.projects.services import classroom_join, classroom_open, hand_over_propose, link_make
from allocations.projects.tasks import end_classrooms
from portal.foundation import clock
from portal.people.models import User
from tests.cast import PASSWORD, person


@pytest.fixture
def url(cast):
    cache.clear()
    return f"/projects/{cast.project.code}/"


@pytest.fixture
def course(cast, url):
    return classroom_open(
        actor=cast.pi,
        project=cast.project,
        course="Deep Learning",
        cap_gpu_seconds=3600,
        most_students=60,
        ends_on=clock.today() + timedelta(days=30),
    )


def text(response):
    return response.content.decode()


# --- By e-mail --------------------------------------------------------------------------------------
def test_invited_by_mail_and_in_with_two_clicks(cast, web, url):
    page = web(cast.pi).post(f"{url}invite/", {"email": cast.outsider.email, "role": "member"}, follow=True)
    assert "is on its way" in text(page)
    assert "Unanswered invitations" in text(page)
    invitation = ProjectInvitation.objects.get()
    browser = web(cast.outsider)
    assert browser.get(url).status_code == 404
    assert invitation.get_absolute_url() in text(browser.get("/projects/"))
    assert "Retina screening" in text(browser.get(invitation.get_absolute_url()))
    joined = browser.post(f"{invitation.get_absolute_url()}accept/", follow=True)
    assert joined.redirect_chain[-1][0] == url
    assert cast.project.members.filter(user=cast.outsider, role="member").exists()


def test_declined_withdrawn_sent_again(cast, web, url):
    browser = web(cast.pi)
    for address in ("one@example.pk", cast.outsider.email):
        browser.post(f"{url}invite/", {"email": address, "role": "manager"})
    one, two = ProjectInvitation.objects.order_by("pk")
    assert "minutes ago" in text(browser.post(f"{one.get_absolute_url()}resend/", follow=True))
    assert "withdrawn" in text(browser.post(f"{one.get_absolute_url()}withdraw/", follow=True))
    page = web(cast.outsider).post(f"{two.get_absolute_url()}decline/", follow=True)
    assert "This invitation is closed" in text(page)
    assert set(ProjectInvitation.objects.values_list("state", flat=True)) == {"withdrawn", "declined"}


def test_an_invitation_is_404_for_everybody_else(cast, web, url):
    web(cast.pi).post(f"{url}invite/", {"email": cast.outsider.email, "role": "member"})
    address = ProjectInvitation.objects.get().get_absolute_url()
    for who in (cast.colleague, cast.member, cast.admin):
        assert web(who).get(address).status_code == 404
        for verb in ("accept", "decline", "withdraw", "resend"):
            assert web(who).post(f"{address}{verb}/").status_code == 404
    assert web(None).get(address).status_code == 302


# --- By link ----------------------------------------------------------------------------------------
def test_a_link_is_shown_once_and_only_its_hash_is_kept(cast, web, url):
    page = web(cast.pi).post(f"{url}links/new/", {"role": "member", "days": "7", "most_uses": "2"})
    secret = re.search(r"/join/([\w-]{43})/", text(page))[1]
    assert page["Cache-Control"] == "no-store"
    assert secret not in str(ProjectLink.objects.values().get())
    again = text(web(cast.pi).get(url))
    assert secret not in again
    assert ProjectLink.objects.get().code in again


def test_signed_out_it_leads_through_signing_up_and_back(cast, url, mailoutbox):
    """The way of somebody who has never been here, in one browser."""
    _link, secret = link_make(actor=cast.pi, project=cast.project)
    browser = Client()
    opened = browser.get(f"/join/{secret}/", follow=True)
    assert opened.redirect_chain == [("/join/", 302)], "the secret leaves the address bar"
    assert "Retina screening" in text(opened)
    assert secret not in text(opened)
    assert "/sign-in/signup/?next=/join/" in text(opened)
    browser.post(
        "/sign-in/signup/?next=/join/",
        {
            "name": "Hira Malik",
            "email": "hira@example.pk",
            "language": "en",
            "password1": "lamp-river-quartz-9",
            "password2": "lamp-river-quartz-9",
            "terms": "on",
        },
    )
    hira = User.objects.get(email="hira@example.pk")
    assert not cast.project.members.filter(user=hira).exists()
    code = re.search(r"^[A-Z]{4}-[A-Z]{4}$", mailoutbox[-1].body, re.MULTILINE)[0]
    signed_in = browser.post("/sign-in/confirm-email/", {"code": code})
    assert signed_in.url == "/join/", "back to where she wanted to go"
    joined = browser.post("/join/", follow=True)
    assert joined.redirect_chain == [(url, 302)]
    assert "Welcome" in text(joined)
    assert cast.project.members.filter(user=hira).exists()


def test_signing_in_is_enough_for_who_has_a_login(cast, url):
    _link, secret = link_make(actor=cast.pi, project=cast.project)
    browser = Client()
    browser.get(f"/join/{secret}/")
    credentials = {"login": cast.outsider.email, "password": PASSWORD}
    assert browser.post("/sign-in/login/", credentials).url == "/join/"
    assert browser.post("/join/").url == url


def test_a_link_that_doesnt_work_says_so_and_adds_nobody(cast, web, url):
    link, secret = link_make(actor=cast.pi, project=cast.project)
    browser = web(cast.outsider)
    assert browser.get("/join/nothing-like-it/").status_code == 404
    browser.get(f"/join/{secret}/")
    web(cast.pi).post(f"/project-links/{link.code}/revoke/")
    browser = web(cast.outsider)
    assert browser.get(f"/join/{secret}/").status_code == 404
    assert "No link is open here" in text(browser.post("/join/", follow=True))
    assert not cast.project.members.filter(user=cast.outsider).exists()


def test_without_having_opened_the_link_there_is_nothing_to_join(cast, web, url):
    link_make(actor=cast.pi, project=cast.project)
    assert "No link is open here" in text(web(cast.outsider).post("/join/", follow=True))
    assert (
        web(cast.outsider).post(f"/project-links/{ProjectLink.objects.get().code}/revoke/").status_code == 404
    )
    assert (
        web(cast.member).post(f"/project-links/{ProjectLink.objects.get().code}/revoke/").status_code == 404
    )


# --- Caps and the hand-over -------------------------------------------------------------------------
def test_a_cap_is_set_shown_and_lifted(cast, web, url):
    address = f"{url}members/{cast.member.code}/cap/"
    web(cast.pi).post(address, {"gpu_hours": "2.5"})
    assert ProjectMember.objects.get(user=cast.member).cap_gpu_seconds == 9000
    assert 'value="2.5"' in text(web(cast.pi).get(address))
    assert "2.5&nbsp;GPU-h" in text(web(cast.member).get(url))
    assert "2.5&nbsp;GPU-h" not in text(web(cast.admin).get(url))
    assert web(cast.member).post(address, {"gpu_hours": ""}).status_code == 403
    assert web(cast.pi).post(address, {"gpu_hours": "-1"}).status_code == 422
    web(cast.pi).post(address, {"gpu_hours": ""})
    assert ProjectMember.objects.get(user=cast.member).cap_gpu_seconds is None


def test_a_project_changes_hands(cast, web, url):
    assert web(cast.member).get(f"{url}hand-over/").status_code == 403
    page = web(cast.pi).get(f"{url}hand-over/")
    assert cast.member.code in text(page)
    web(cast.pi).post(f"{url}hand-over/", {"successor": cast.member.code, "afterwards": "member"})
    assert "awaits its answer" in text(web(cast.pi).get(url))
    assert "You are asked to lead" in text(web(cast.member).get(url))
    web(cast.pi).post(f"{url}hand-over/accept/")
    assert cast.project.members.get(role="pi").user == cast.pi, "nobody accepts for somebody else"
    done = web(cast.member).post(f"{url}hand-over/accept/", follow=True)
    assert "You lead this project now." in text(done)
    assert cast.project.members.get(role="pi").user == cast.member


def test_without_anybody_to_hand_it_to_the_page_says_what_to_do(cast, web, url):
    cast.project.members.filter(user=cast.member).delete()
    page = web(cast.pi).get(f"{url}hand-over/")
    assert (page.status_code, "Invite somebody" in text(page)) == (409, True)


def test_it_is_declined_or_withdrawn(cast, web, url):
    for who, verb in ((cast.member, "decline"), (cast.pi, "withdraw")):
        hand_over_propose(actor=cast.pi, project=cast.project, successor=cast.member)
        web(who).post(f"{url}hand-over/{verb}/")
    assert sorted(HandOver.objects.values_list("state", flat=True)) == ["declined", "withdrawn"]


def test_an_admin_replaces_a_pi_who_is_gone(cast, web, url):
    assert web(cast.admin).get(f"{url}hand-over/").status_code == 403
    cast.pi.is_active = False
    cast.pi.save()
    assert "Hand over…" in text(web(cast.admin).get(url))
    web(cast.admin).post(f"{url}hand-over/", {"successor": cast.member.code, "afterwards": "leaves"})
    assert HandOver.objects.get().proposed_by == cast.admin


# --- Courses ----------------------------------------------------------------------------------------
def test_a_course_is_opened_joined_and_ended(cast, web, url):
    page = web(cast.pi).post(
        f"{url}course/open/",
        {
            "course": "Vision",
            "gpu_hours": "4",
            "most_students": "30",
            "ends_on": (clock.today() + timedelta(days=9)).isoformat(),
        },
        follow=True,
    )
    code = cast.project.classroom.written_code
    assert code in text(page)
    student = web(cast.outsider)
    assert "Join a course" in text(student.get("/projects/"))
    wrong = student.post("/courses/join/", {"join_code": "AAAA-0000"})
    assert (wrong.status_code, 'value="AAAA-0000"' in text(wrong)) == (422, True)
    joined = student.post("/courses/join/", {"join_code": code.lower()}, follow=True)
    assert joined.redirect_chain == [(url, 302)]
    assert "4&nbsp;GPU-h" in text(joined)
    assert student.get(f"{url}course/").status_code == 403
    assert student.get(f"{url}course/students.csv").status_code == 403
    teacher = web(cast.pi)
    assert cast.outsider.email in text(teacher.get(f"{url}course/"))
    assert "One student leaves the project" in text(teacher.get(f"{url}course/close/"))
    assert "Ended" in text(teacher.post(f"{url}course/close/", follow=True))
    assert not cast.project.members.filter(user=cast.outsider).exists()
    assert web(cast.outsider).get(url).status_code == 404


def test_the_code_is_renewed_and_revoked(cast, web, url, course):
    browser = web(cast.pi)
    browser.post(f"{url}course/code/new/")
    renewed = cast.project.classroom
    renewed.refresh_from_db()
    assert renewed.join_code not in {"", course.join_code}
    assert "Nobody can join now" in text(browser.post(f"{url}course/code/revoke/", follow=True))
    cast.project.members.filter(user=cast.member).update(role="manager")
    helper = web(cast.member)
    assert helper.get(f"{url}course/").status_code == 200
    assert helper.post(f"{url}course/code/new/").status_code == 403
    assert helper.get(f"{url}course/close/").status_code == 403


def test_the_table_of_students_is_for_the_instructor_and_no_formula(cast, web, url, course):
    student = person("student")
    User.objects.filter(pk=student.pk).update(name="=HYPERLINK(1)")
    classroom_join(actor=student.fresh(), join_code=course.join_code)
    table = web(cast.pi).get(f"{url}course/students.csv")
    assert table["Content-Type"].startswith("text/csv")
    (_heads, row) = text(table).strip().splitlines()
    assert row.startswith(f"'=HYPERLINK(1),{student.email},")
    assert row.endswith(",,3600,0,0,0")


@pytest.mark.parametrize("rows", [5, 50])
def test_query_counts_dont_grow(cast, web, url, course, rows):
    for number in range(rows):
        classroom_join(actor=person(f"s{number}"), join_code=course.join_code)
        ProjectInvitation.objects.create(
            project=cast.project,
            email=f"i{number}@example.pk",
            invited_by=cast.pi,
            expires_at=clock.now() + timedelta(days=1),
        )
    hand_over_propose(actor=cast.pi, project=cast.project, successor=cast.member)
    link_make(actor=cast.pi, project=cast.project)
    browser = web(cast.pi)
    for address in (url, f"{url}course/"):
        browser.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        assert len(queries) <= 15, "\n".join(query["sql"][:200] for query in queries)


def test_a_full_course_says_what_to_do_and_a_wrong_code_lets_nobody_in(cast, web, url, course):
    Classroom.objects.update(most_students=1)
    classroom_join(actor=person("first"), join_code=course.join_code)
    full = web(cast.outsider).post("/courses/join/", {"join_code": course.join_code})
    assert full.status_code == 422
    assert "Ask the instructor to raise the number." in text(full)
    assert not cast.project.members.filter(user=cast.outsider).exists()
    assert web(cast.outsider).get(url).status_code == 404
    assert web(cast.outsider).get(f"{url}course/").status_code == 404
    assert web(None).post("/courses/join/", {"join_code": course.join_code}).status_code == 302


def test_on_its_last_day_a_course_ends_by_itself(cast, web, url, course):
    student = person("student")
    classroom_join(actor=student, join_code=course.join_code)
    assert web(student).get(url).status_code == 200
    Classroom.objects.update(ends_on=clock.today() - timedelta(days=1))
    end_classrooms()
    assert web(student).get(url).status_code == 404
    late = web(person("late")).post("/courses/join/", {"join_code": course.join_code})
    assert late.status_code == 422
