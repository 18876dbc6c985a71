"""Who has an interest in a project and so may not decide about it: one rule, in Python and in SQL.

The rule stands twice on purpose: services refuse with words, the database refuses whoever comes another way.
"""

from typing import Any

import pgtrigger

from allocations.projects.models import Project


def has_interest(user: Any, project: Project) -> bool:
    """Whether `user` belongs to the project, or to the organisation that it belongs to."""
    # All of them, not a query for one: a list of requests reads its projects' members once.
    return project.organisation_id in user.organisation_ids or any(
        member.user_id == user.pk for member in project.members.all()
    )


def interested(*, project_id: str, who: str) -> str:
    """SQL: whether NEW's column `who` names somebody of the project, or of the organisation it belongs to.

    `project_id` is an SQL expression for the project's id.
    """
    return (
        # The pieces are our own constants.
        "EXISTS (SELECT 1 FROM projects_projectmember m "  # noqa: S608
        f"WHERE m.project_id = {project_id} AND m.user_id = NEW.{who}) "
        "OR EXISTS (SELECT 1 FROM projects_project p "
        "JOIN people_membership o ON o.organisation_id = p.organisation_id "
        f"WHERE p.id = {project_id} AND o.user_id = NEW.{who})"
    )


def no_interest_trigger(
    *, name: str, project_id: str, also: str = "FALSE", on_update: bool = False
) -> pgtrigger.Trigger:
    """Refuses a row whose `decided_by` has an interest in its project.

    `project_id` is an SQL expression for the project's id; `also` a further condition that refuses;
    `on_update` is for rows that are decided after they were written.
    """
    return pgtrigger.Trigger(
        name=name,
        operation=pgtrigger.Insert | pgtrigger.Update if on_update else pgtrigger.Insert,
        when=pgtrigger.Before,
        func=(
            f"IF {also} OR {interested(project_id=project_id, who='decided_by_id')} THEN "
            "RAISE EXCEPTION 'nobody decides about their own request, project or organisation' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
        ),
    )
