"""The services of projects: what they do, what they refuse, what they leave in the audit."""

import pytest

from allocations.projects import selectors
from allocations.projects.models import Project, ProjectMember, Sector
from allocations.projects.services import (
    member_cap_set,
    member_leave,
    member_remove,
    member_role_change,
    project_archive,
    project_create,
    project_invite,
    project_unarchive,
    project_update,
)
from portal.foundation import policies
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import AuditorScope, Verification


def propose(cast, actor=None, **changes):
    fields = {
        "organisation": cast.organisation,
        "title": " Flood maps ",
        "abstract": "Maps floods from space.",
        "sector": Sector.objects.get(code="climate"),
        "data_class": "public",
    }
    return project_create(actor=actor or cast.pi, **(fields | changes))


def last_audit(action):
    return AuditRow.objects.filter(action=action).latest("id")


def member(cast, user):
    return ProjectMember.objects.select_related("project", "user").get(project=cast.project, user=user)


# --- Sectors ----------------------------------------------------------------------------------------
def test_the_twelve_sectors_are_there_and_two_are_provisional(db):
    assert Sector.objects.count() == 12
    assert set(Sector.objects.filter(provisional=True).values_list("code", flat=True)) == {
        "finance",
        "languages",
    }
    assert not Sector.objects.filter(name_ur="").exists()


# --- Projects ---------------------------------------------------------------------------------------
def test_the_proposer_becomes_pi_and_the_audit_tells_it(cast):
    project = propose(cast)
    assert (project.title, selectors.role_in(cast.pi, project)) == ("Flood maps", "pi")
    row = last_audit("project_create")
    assert (row.actor, row.object_code) == (cast.pi.code, project.code)
    assert row.after["organisation"] == cast.organisation.code


@pytest.mark.parametrize("who", ["outsider", "admin", "council", "site_manager", "auditor"])
def test_only_members_of_the_organisation_propose(cast, who):
    with pytest.raises(NotAllowed) as refusal:
        propose(cast, getattr(cast, who))
    assert refusal.value.field == "organisation"
    assert Project.objects.count() == 1


def test_an_unverified_organisation_has_no_projects(cast):
    Verification.objects.all().delete()
    with pytest.raises(NotAllowed) as refusal:
        propose(cast)
    assert refusal.value.code == "organisation_not_verified"
    assert refusal.value.remedy


def test_an_unverified_address_proposes_nothing(cast):
    cast.pi.emailaddress_set.update(verified=False)
    with pytest.raises(NotAllowed) as refusal:
        propose(cast, cast.pi.fresh())
    assert refusal.value.code == "email_not_verified"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 161}, "title"),
        ({"abstract": ""}, "abstract"),
        ({"abstract": "x" * 4001}, "abstract"),
        ({"data_class": "secret"}, "data_class"),
        ({"data_class": "private"}, "data_class"),
    ],
)
def test_what_cant_be_right_is_refused_by_field(cast, change, field):
    with pytest.raises(InvalidInput) as refusal:
        propose(cast, **change)
    assert refusal.value.field == field
    with pytest.raises(InvalidInput) as refusal:
        project_update(actor=cast.pi, project=cast.project, **change)
    assert refusal.value.field == field


def test_secret_data_is_refused_with_what_to_do(cast):
    with pytest.raises(InvalidInput) as refusal:
        propose(cast, data_class="secret")
    assert refusal.value.code == "secret_refused"
    assert refusal.value.remedy


def test_update_is_for_pi_and_managers(cast):
    project_update(actor=cast.pi, project=cast.project, title="Retina")
    row = last_audit("project_update")
    assert (row.before, row.after) == ({"title": "Retina screening"}, {"title": "Retina"})
    for user in (cast.member, cast.colleague, cast.outsider, cast.admin):
        with pytest.raises(NotAllowed):
            project_update(actor=user, project=cast.project, title="Mine")


def test_archive_and_back(cast):
    project = project_archive(actor=cast.pi, project=cast.project)
    assert project.archived_at is not None
    assert not selectors.usable_by(cast.member).exists()
    with pytest.raises(IllegalState):
        project_archive(actor=cast.pi, project=project)
    with pytest.raises(IllegalState):
        project_update(actor=cast.pi, project=project, title="Late")
    with pytest.raises(IllegalState):
        project_invite(actor=cast.pi, project=project, email=cast.colleague.email)
    project = project_unarchive(actor=cast.pi, project=project)
    assert selectors.usable_by(cast.member).get() == project
    with pytest.raises(IllegalState):
        project_unarchive(actor=cast.pi, project=project)
    with pytest.raises(NotAllowed):
        project_archive(actor=cast.member, project=project)
    assert last_audit("project_unarchive").after == {"archived_at": None}


# --- Members ----------------------------------------------------------------------------------------
def test_only_pi_and_managers_change_members(cast):
    for actor in (cast.member, cast.colleague, cast.outsider, cast.admin):
        with pytest.raises(NotAllowed):
            project_invite(actor=actor, project=cast.project, email=cast.colleague.email)
        with pytest.raises(NotAllowed):
            member_cap_set(actor=actor, member=member(cast, cast.member), gpu_seconds=0)
        with pytest.raises(NotAllowed):
            member_role_change(actor=actor, member=member(cast, cast.member), role="manager")
        with pytest.raises(NotAllowed):
            member_remove(actor=actor, member=member(cast, cast.member))
    assert not OutboxRow.objects.exists()


def test_a_member_is_made_manager_and_then_removed(cast):
    member_role_change(actor=cast.pi, member=member(cast, cast.member), role="manager")
    assert last_audit("project_member_role_change").before["role"] == "member"
    assert policies.allowed(cast.member, "projects.manage", cast.project)
    member_remove(actor=cast.pi, member=member(cast, cast.member))
    assert not policies.allowed(cast.member, "projects.use", cast.project)
    assert not policies.allowed(cast.member, "projects.view", cast.project)
    assert OutboxRow.objects.filter(topic="project_members_changed").count() == 2


def test_removing_twice_tells_once(cast):
    gone = member(cast, cast.member)
    member_remove(actor=cast.pi, member=gone)
    with pytest.raises(IllegalState):
        member_remove(actor=cast.pi, member=gone)
    assert AuditRow.objects.filter(action="project_member_remove").count() == 1


def test_the_pi_stays(cast):
    ProjectMember.objects.create(project=cast.project, user=cast.colleague, role="manager")
    pi = member(cast, cast.pi)
    with pytest.raises(IllegalState):
        member_role_change(actor=cast.colleague, member=pi, role="member")
    with pytest.raises(IllegalState):
        member_remove(actor=cast.colleague, member=pi)
    with pytest.raises(IllegalState):
        member_leave(actor=cast.pi, project=cast.project)


def test_a_member_leaves(cast):
    member_leave(actor=cast.member, project=cast.project)
    assert selectors.role_in(cast.member, cast.project) == ""
    assert last_audit("project_member_leave").actor == cast.member.code
    with pytest.raises(IllegalState):
        member_leave(actor=cast.outsider, project=cast.project)


# --- Who sees what ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("pi", True),  # also the organisation's owner
        ("member", True),
        ("colleague", False),
        ("reviewer", False),  # sees blinded pages of the own reviews
        ("council", True),
        ("admin", True),
        ("auditor", True),
        ("site_manager", False),
        ("outsider", False),
    ],
)
def test_who_sees_a_project(cast, who, sees):
    user = getattr(cast, who)
    assert selectors.visible_to(user).filter(pk=cast.project.pk).exists() is sees
    assert policies.allowed(user, "projects.view", cast.project) is sees


@pytest.mark.parametrize(
    ("kind", "code", "sees"),
    [
        ("organisation", "own", True),
        ("organisation", "other", False),
        ("sector", "health", True),
        ("sector", "energy", False),
        ("site", "ned", False),
    ],
)
def test_an_auditor_sees_the_scope_and_no_more(cast, kind, code, sees):
    codes = {"own": cast.organisation.code, "other": cast.other_organisation.code}
    AuditorScope.objects.update(kind=kind, code=codes.get(code, code))
    assert selectors.visible_to(cast.auditor).exists() is sees


def test_a_scope_without_the_role_opens_nothing(cast):
    AuditorScope.objects.create(user=cast.outsider, kind="all")
    assert not selectors.visible_to(cast.outsider).exists()


def test_an_owner_sees_the_organisations_projects_and_manages_none(cast):
    project = propose(cast, cast.colleague)
    assert policies.allowed(cast.pi, "projects.view", project)
    assert not policies.allowed(cast.pi, "projects.manage", project)
    assert not policies.allowed(cast.pi, "projects.use", project)
