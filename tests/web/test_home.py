"""The first page and the status page."""

import pytest

pytestmark = pytest.mark.django_db


def test_visitors_learn_what_this_is(client, cast):
    page = client.get("/").content.decode()
    assert "Sign up" in page
    assert cast.site.name in page
    assert "To decide" not in page


def test_a_newcomer_is_shown_the_way(web, cast):
    page = web(cast.outsider).get("/").content.decode()
    assert "Your way to the first GPU-hour" in page
    assert "Describe your project" in page


def test_who_only_serves_the_programme_sees_that_work_first(web, cast):
    council = web(cast.council).get("/").content.decode()
    assert "Nothing waits for your decision" in council
    assert "Your way to the first GPU-hour" not in council
    manager = web(cast.site_manager).get("/").content.decode()
    assert f"/sites/{cast.site.code}/bridge/" in manager
    assert "Your way to the first GPU-hour" not in manager


def test_a_researcher_sees_budget_and_jobs(web, stage):
    job = stage.submit()
    page = web(stage.cast.pi).get("/").content.decode()
    assert job.title in page
    assert "My allocations" in page
    assert "Your way to the first GPU-hour" not in page
    assert job.title not in web(stage.cast.outsider).get("/").content.decode()


def test_home_costs_few_queries(web, stage, django_assert_max_num_queries):
    for _ in range(6):
        stage.submit(gpus=1, cpus=1, wall_minutes=1)
    client = web(stage.cast.pi)
    client.get("/")
    with django_assert_max_num_queries(15):
        client.get("/")


@pytest.mark.parametrize("language", ["en", "ur"])
def test_status_for_people(client, cast, language):
    client.cookies["django_language"] = language
    page = client.get("/status/")
    assert page.status_code == 200
    assert f'lang="{language}"' in page.content.decode()
