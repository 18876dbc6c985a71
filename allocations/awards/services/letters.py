"""Issuing the letter of an award."""

from django.db import transaction

from allocations.awards.models import Award, Letter
from allocations.projects.models import ProjectMember
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def letter_issue(*, actor: User, award: Award) -> Letter:
    """The award's letter, with the names as they stand now if it is the first time that it is asked for.

    Whoever may see the allocation may have its letter: `letter_selectors.awards_visible_to`.
    """
    allocation = award.allocation
    investigator = ProjectMember.objects.filter(project=allocation.project_id, role=ProjectMember.Role.PI)
    # The unique award decides where two ask at once.
    letter, is_new = Letter.objects.get_or_create(
        award=award,
        defaults={
            "organisation": allocation.project.organisation.name,
            "project": allocation.project.title,
            "investigator": investigator.values_list("user__name", flat=True).first() or "",
            "resource": allocation.resource.name,
            "site": allocation.resource.site.name,
        },
    )
    if is_new:
        audit.record(actor=actor, action="letter_issue", target=award, after={"letter": letter.code})
    return letter
