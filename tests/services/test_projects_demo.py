"""The demonstration projects."""

import pytest

from allocations.projects import demo
from allocations.projects.models import Project
from portal.people import demo as people


@pytest.mark.django_db
def test_a_project_for_each_organisation_once():
    people.seed()
    demo.seed()
    demo.seed()
    assert Project.objects.count() == 5
    for login in ("researcher", "startup", "agency", "outsider"):
        project = Project.objects.get(organisation=people.organisation(login), classroom=None)
        assert project.illustrative
        assert project.abstract.startswith("ILLUSTRATIVE")
        assert project.members.get().user == people.user(login)
    course = Project.objects.get(classroom__opened_by=people.user("teacher"))
    assert set(course.members.values_list("user", flat=True)) == {
        people.user("teacher").pk,
        people.user("student").pk,
    }


@pytest.mark.django_db
def test_without_people_there_is_nothing_to_plant():
    demo.seed()
    assert not Project.objects.exists()
