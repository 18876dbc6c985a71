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
    assert Project.objects.count() == 4
    for login in ("researcher", "startup", "agency", "outsider"):
        project = Project.objects.get(organisation=people.organisation(login))
        assert project.illustrative
        assert project.abstract.startswith("ILLUSTRATIVE")
        assert project.members.get().user == people.user(login)


@pytest.mark.django_db
def test_without_people_there_is_nothing_to_plant():
    demo.seed()
    assert not Project.objects.exists()
