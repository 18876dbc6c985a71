"""The only writers of quotas and of endorsements of projects."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from allocations.awards.quotas.groups import check_group
from allocations.awards.quotas.models import ProjectEndorsement, Quota
from allocations.projects.models import Project, ProjectMember
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.codes import new_code
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people.models import Programme
from portal.people.services.programmes import endorse, require_coordinator


@transaction.atomic
def quota_set(
    *,
    actor: Any,
    kind: str,
    dimension: str,
    value: str = "",
    resource: Resource | None = None,
    percent: Decimal | None = None,
    gpu_seconds: int | None = None,
    from_quarter: str,
    until_quarter: str = "",
    enforced: bool | None = None,
    reason: str,
    illustrative: bool = False,
) -> Quota:
    """Set a cap or a floor, of one resource or (None) of all together; `enforced` None: caps are, floors not.

    For programme admins; site managers for their site's resources. Raises InvalidInput, NotAllowed, and
    IllegalState where one of this kind for this group and resource holds in some of these quarters already.
    """
    fresh = Quota(
        series=new_code("qse"),
        kind=kind,
        dimension=dimension,
        value=value,
        resource=resource,
        percent=percent,
        gpu_seconds=gpu_seconds,
        from_quarter=from_quarter,
        until_quarter=until_quarter,
        enforced=kind == Quota.Kind.CAP if enforced is None else enforced,
        illustrative=illustrative,
    )
    _may_set(actor, resource)
    _one_at_a_time()
    check_group(dimension, value)
    return _begin(actor, fresh, reason)


@transaction.atomic
def quota_change(
    *,
    actor: Any,
    quota: Quota,
    reason: str,
    percent: Decimal | None = None,
    gpu_seconds: int | None = None,
    from_quarter: str,
    until_quarter: str = "",
    enforced: bool,
) -> Quota:
    """Another amount, other quarters, enforced or not: this row ends and the next of its series begins.

    Kind, group and resource stay: for another group set another quota. Raises as `quota_set`.
    """
    _may_set(actor, quota.resource)
    _one_at_a_time()
    earlier = _ended(actor, quota)
    fresh = Quota(
        series=earlier.series,
        kind=earlier.kind,
        dimension=earlier.dimension,
        value=earlier.value,
        resource=earlier.resource,
        illustrative=earlier.illustrative,
        percent=percent,
        gpu_seconds=gpu_seconds,
        from_quarter=from_quarter,
        until_quarter=until_quarter,
        enforced=enforced,
    )
    return _begin(actor, fresh, reason, earlier=earlier)


@transaction.atomic
def quota_end(*, actor: Any, quota: Quota, reason: str) -> Quota:
    """It holds no longer, from now on. What was awarded under it stands. Raises as `quota_set`."""
    _may_set(actor, quota.resource)
    reason = _reason(reason)
    ended = _ended(actor, quota)
    audit.record(actor=actor, action="quota_end", target=ended, before=ended.snapshot(), reason=reason)
    return ended


@transaction.atomic
def project_endorse(
    *, actor: Any, programme: Programme, project: Project, until: date | None = None, reason: str = ""
) -> ProjectEndorsement:
    """The programme stands for one project. For its coordinators, but not for projects of their own.

    A programme of one sector stands for projects of that sector. Taken back by
    `portal.people.services.programmes.endorsement_withdraw`. Raises NotAllowed, SecondFactorNeeded,
    InvalidInput, IllegalState.
    """
    require_coordinator(actor, programme, until)
    mine = project.organisation_id in actor.organisation_ids
    if mine or ProjectMember.objects.filter(project=project, user=actor).exists():
        raise InvalidInput(
            _("Nobody endorses a project of their own or of their organisation."),
            field="project",
            remedy=_("Ask another coordinator."),
        )
    if programme.sector and project.sector.code != programme.sector:
        raise InvalidInput(
            _("“%(project)s” is of another sector than the programme.") % {"project": project},
            field="project",
            remedy=_("Endorse projects of the programme's own sector, or the whole organisation."),
        )
    members = project.members.select_related("user")
    return endorse(
        actor,
        ProjectEndorsement(
            programme=programme, project=project, until=until, reason=reason.strip(), endorsed_by=actor
        ),
        told=[member.user for member in members],
    )


def _may_set(actor: Any, resource: Resource | None) -> None:
    require(actor, "quotas.set_quota", resource)
    require_second_factor(actor)


def _one_at_a_time() -> None:
    """Hold all quotas: two that are set at the same moment wouldn't see each other. Before any row is held,
    so that nobody who holds a row waits here for somebody who waits for that row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('quotas'))")


def _ended(actor: Any, quota: Quota) -> Quota:
    row = Quota.objects.select_for_update(of=("self",)).select_related("resource").get(pk=quota.pk)
    if row.ended_at:
        raise IllegalState(
            _("This row of the quota has ended already."),
            remedy=_("Open the quota again from the list: it was changed meanwhile."),
        )
    row.ended_at, row.ended_by = clock.now(), actor
    row.save(update_fields=["ended_at", "ended_by"])
    return row


def _begin(actor: Any, quota: Quota, reason: str, *, earlier: Quota | None = None) -> Quota:
    quota.reason, quota.set_by = _reason(reason), actor
    _check(quota)
    _check_alone(quota)
    quota.save(force_insert=True)
    audit.record(
        actor=actor,
        action="quota_change" if earlier else "quota_set",
        target=quota,
        before=earlier.snapshot() if earlier else {},
        after=quota.snapshot(),
        reason=quota.reason,
    )
    return quota


def _check(quota: Quota) -> None:
    if (quota.percent is None) == (quota.gpu_seconds is None):
        raise InvalidInput(
            _("A quota is a percentage of the capacity or a number of GPU-hours."),
            field="percent",
            remedy=_("Give one of the two."),
        )
    if quota.until_quarter and quota.until_quarter < quota.from_quarter:
        raise InvalidInput(
            _("It ends before it begins."), field="until_quarter", remedy=_("Choose a later quarter.")
        )
    try:
        quota.full_clean(exclude=["set_by", "series"])
    except ValidationError as error:
        field, faults = next(iter(error.message_dict.items()))
        raise InvalidInput(" ".join(faults), field=None if field == NON_FIELD_ERRORS else field) from error
    if quota.until_quarter and Quarter.parse(quota.until_quarter).last_day < clock.today():
        raise InvalidInput(
            _("This quarter is over."), field="until_quarter", remedy=_("Choose this quarter or a later one.")
        )


def _check_alone(quota: Quota) -> None:
    """One of a kind for a group, resource and quarter: of two, nobody would know which one holds."""
    others = Quota.objects.select_for_update(of=("self",)).filter(
        kind=quota.kind,
        dimension=quota.dimension,
        value=quota.value,
        resource=quota.resource,
        ended_at=None,
    )
    for other in others.exclude(series=quota.series):
        begins, ends = quota.from_quarter, quota.until_quarter or "9999Q4"
        if other.from_quarter <= ends and begins <= (other.until_quarter or "9999Q4"):
            raise IllegalState(
                _("There is such a quota for this group in these quarters already."),
                field="value",
                remedy=_("Change that one, or end it first."),
                figures={"quota": other.code},
            )


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=_("Say why: everybody reads it."))
    return reason.strip()


def project_named(code: str) -> Project:
    """The project with this public code. Raises InvalidInput where there is none."""
    project = Project.objects.select_related("organisation", "sector").filter(code=code.strip()).first()
    if project is None:
        raise InvalidInput(
            _("There is no project “%(code)s”.") % {"code": code.strip()},
            field="project",
            remedy=_("Copy the code from the project's own page, such as prj-7f3k9q2m1x."),
        )
    return project
