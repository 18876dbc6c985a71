"""Reports: what is asked, who sees what, and that the figures are the ledger's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict

from allocations.awards.models import Allocation
from allocations.awards.quotas.models import ProjectEndorsement
from allocations.ledger.selectors import balances
from allocations.projects.models import Project, ProjectMember, Sector
from allocations.reports.answer import Answer
from allocations.reports.exports import csv_lines
from allocations.reports.periods import PERIODS
from allocations.reports.question import Question, read
from allocations.reports.scope import scope_of
from allocations.usage.services import usage_correct
from datacenters.models import SiteRole
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotVisible
from portal.foundation.text import harmless
from portal.people.models import AuditorScope, OrganisationEndorsement, Programme, ProgrammeRole, User
from tests.cast import Cast, person, site
from tests.using import allocated, charged

# 19:00 UTC is midnight in Pakistan: these end on 10 and on 11 November.
NOVEMBER = "from=2026-11-01&to=2026-11-30"
MIDNIGHT = datetime(2026, 11, 10, 19, tzinfo=UTC)


@dataclass
class Nation:
    """Two projects of two organisations on two sites; each amount tells where it comes from.

    home at ned: 1000 (of these 10 over midnight: 4 before, 6 after) · home at uet: 200 · other at ned: 30.
    """

    cast: Cast
    other_project: Project
    home_ned: Allocation
    home_uet: Allocation
    other_ned: Allocation


@pytest.fixture
def nation(cast: Cast) -> Nation:
    uet = site("uet")
    uet.charge_factor = "0.5"
    uet.save()
    energy, _ = Sector.objects.get_or_create(
        code="energy", defaults={"name_en": "Energy", "name_ur": "توانائی"}
    )
    other = Project.objects.create(
        organisation=cast.other_organisation, title="=1+1", abstract="Robots.", sector=energy
    )
    ProjectMember.objects.create(project=other, user=cast.outsider, role=ProjectMember.Role.PI)
    made = Nation(
        cast,
        other,
        allocated(cast.project, cast.resource, by=cast.council),
        allocated(cast.project, uet, by=cast.council),
        allocated(other, cast.resource, by=cast.council),
    )
    charged(made.home_ned, key="plain", user=cast.pi, gpu_seconds=990)
    charged(made.home_ned, key="night", user=cast.member, ended_at=MIDNIGHT.replace(second=6), seconds=10)
    charged(made.home_uet, key="uet", user=cast.pi, gpu_seconds=200)
    charged(made.other_ned, key="other", user=cast.outsider, gpu_seconds=30)
    return made


def ask(user: User, query: str = "") -> Answer:
    return Answer(read(QueryDict(f"{NOVEMBER}&{query}"), scope_of(user.fresh())))


def total(user: User, query: str = "") -> Any:
    return ask(user, query).totals()["gpu_seconds"]


def shown(user: User, query: str) -> list[dict[str, Any]]:
    answer = ask(user, query)
    return [answer.as_shown(row) for row in answer.rows()]


# --- Figures ----------------------------------------------------------------------------------------
def test_totals_are_what_the_ledger_spent(nation: Nation) -> None:
    spent = [balances(one.code).spent for one in (nation.home_ned, nation.home_uet, nation.other_ned)]
    assert spent == [1000, 200, 30]
    assert total(nation.cast.admin) == sum(spent)
    assert total(nation.cast.admin, f"project={nation.cast.project.code}") == 1200


def test_days_are_those_of_pakistan_and_add_up(nation: Nation) -> None:
    rows = shown(
        nation.cast.admin, f"group_by=day&metrics=gpu_seconds,jobs&project={nation.cast.project.code}"
    )
    assert rows == [
        {"day": "2026-11-10", "gpu_seconds": 1194, "jobs": 2},
        {"day": "2026-11-11", "gpu_seconds": 6, "jobs": 1},
    ]


def test_a_programme_is_what_it_stands_for_today(nation: Nation) -> None:
    """Through the organisation or by itself, each project once; several programmes may share one."""
    cast = nation.cast
    ncai, fund = (Programme.objects.create(kind="centre", name_en=name) for name in ("NCAI", "Fund"))
    for programme in (ncai, fund):
        OrganisationEndorsement.objects.create(
            programme=programme, organisation=cast.organisation, endorsed_by=cast.admin
        )
    ProjectEndorsement.objects.create(programme=ncai, project=cast.project, endorsed_by=cast.admin)
    query = "group_by=programme&metrics=gpu_seconds"
    rows = [(row["programme_name"], row["gpu_seconds"]) for row in shown(cast.admin, query)]
    assert rows == [("Fund", 1200), ("NCAI", 1200), (None, 30)]
    assert total(cast.admin, query) == 1230
    assert "rows may overlap" in ask(cast.admin, query).note
    assert total(cast.admin, f"programme={ncai.code}") == 1200
    assert [row["gpu_seconds"] for row in shown(cast.admin, f"{query}&programme={ncai.code}")] == [1200]
    before = ask(cast.admin, query).etag
    yesterday = clock.today() - timedelta(days=1)
    OrganisationEndorsement.objects.filter(programme=fund).update(until=yesterday)
    assert ask(cast.admin, query).etag != before
    assert total(cast.admin, f"programme={fund.code}") == 0
    with pytest.raises(NotVisible):
        ask(cast.outsider, f"programme={ncai.code}")


def test_to_is_included(nation: Nation) -> None:
    scope = scope_of(nation.cast.admin)
    for days, expected in [("from=2026-11-11&to=2026-11-11", 6), ("from=2026-11-12&to=2026-11-30", 0)]:
        assert Answer(read(QueryDict(days), scope)).totals()["gpu_seconds"] == expected


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("site", [("ned", 1030), ("uet", 200)]),
        ("resource", [("ned-h100", 1030), ("uet-h100", 200)]),
        ("month", [("2026-11", 1230)]),
        ("site,month", [("ned", 1030), ("uet", 200)]),
    ],
)
def test_every_dimension_adds_up(nation: Nation, group_by: str, expected: list[tuple[str, int]]) -> None:
    rows = shown(nation.cast.admin, f"group_by={group_by}")
    assert [(row[group_by.split(",")[0]], row["gpu_seconds"]) for row in rows] == expected


def test_things_come_with_code_and_name(nation: Nation) -> None:
    rows = shown(nation.cast.admin, "group_by=organisation,project&metrics=gpu_seconds")
    assert rows == [
        {
            "organisation": nation.cast.other_organisation.code,
            "organisation_name": "Indus Robotics",
            "project": nation.other_project.code,
            "project_name": "=1+1",
            "gpu_seconds": 30,
        },
        {
            "organisation": nation.cast.organisation.code,
            "organisation_name": "NED University",
            "project": nation.cast.project.code,
            "project_name": "Retina screening",
            "gpu_seconds": 1200,
        },
    ]


def test_normalised_hours_weigh_by_the_charge_factor(nation: Nation) -> None:
    totals = ask(nation.cast.admin, "metrics=gpu_hours,normalised_gpu_hours").totals()
    assert totals == {"gpu_hours": 0.3417, "normalised_gpu_hours": 0.3139}  # 1230 and 1030 + 200/2 seconds


def test_totals_are_not_the_sum_of_rounded_rows(nation: Nation) -> None:
    answer = ask(nation.cast.admin, "group_by=day&metrics=gpu_hours")
    assert sum(answer.as_shown(row)["gpu_hours"] for row in answer.rows()) == pytest.approx(0.3417, abs=1e-9)
    charged(nation.home_ned, ended_at=MIDNIGHT.replace(day=12), seconds=1)
    charged(nation.home_ned, ended_at=MIDNIGHT.replace(day=13), seconds=1)
    assert total(nation.cast.admin) == 1232


def test_rows_in_the_order_asked_for(nation: Nation) -> None:
    largest = shown(nation.cast.admin, "group_by=site&ordering=-gpu_seconds")
    smallest = shown(nation.cast.admin, "group_by=site&ordering=gpu_seconds")
    assert [row["site"] for row in largest] == ["ned", "uet"]
    assert largest == smallest[::-1]
    assert [row["site"] for row in shown(nation.cast.admin, "group_by=site&ordering=-site")] == ["uet", "ned"]


# --- Scope ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("admin", 1230),
        ("council", 1230),
        ("auditor", 1230),
        ("pi", 1200),
        ("member", 1200),
        ("outsider", 30),
        ("site_manager", 1030),
        ("colleague", 0),  # of the organisation, but neither an owner nor in the project
        ("reviewer", 0),
    ],
)
def test_each_sees_what_is_theirs(nation: Nation, who: str, expected: int) -> None:
    assert total(getattr(nation.cast, who)) == expected


def test_an_owner_sees_the_organisation(nation: Nation) -> None:
    ProjectMember.objects.filter(user=nation.cast.pi).delete()
    assert total(nation.cast.pi) == 1200  # by owning the organisation alone
    assert nation.cast.organisation.name in scope_of(nation.cast.pi).statement


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [("site", "uet", 200), ("sector", "energy", 30), ("organisation", None, 1200), ("site", "nowhere", 0)],
)
def test_an_auditor_sees_what_was_given(nation: Nation, kind: str, code: str | None, expected: int) -> None:
    auditor = person("narrow")
    AuditorScope.objects.create(user=auditor, kind=kind, code=code or nation.cast.organisation.code)
    assert total(auditor) == 0  # a scope without the role gives nothing
    ProgrammeRole.objects.create(user=auditor, role="auditor")
    assert total(auditor) == expected


def test_scopes_add_up(nation: Nation) -> None:
    SiteRole.objects.create(user=nation.cast.outsider, site=nation.home_uet.resource.site, role="manager")
    assert total(nation.cast.outsider) == 230
    SiteRole.objects.filter(user=nation.cast.outsider).update(role="operator")
    assert total(nation.cast.outsider) == 30


@pytest.mark.parametrize("kind", ["project", "organisation", "site", "resource"])
def test_what_is_out_of_scope_looks_like_nothing(nation: Nation, kind: str) -> None:
    codes = {
        "project": nation.cast.project.code,
        "organisation": nation.cast.organisation.code,
        "site": "uet",
        "resource": "uet-h100",
    }
    assert total(nation.cast.pi, f"{kind}={codes[kind]}") == (200 if "uet" in codes[kind] else 1200)
    texts = []
    for code in (codes[kind], "never-was", "%00", "'"):
        with pytest.raises(NotVisible) as refusal:
            ask(nation.cast.outsider, f"{kind}={code}")
        texts.append(refusal.value.text.replace(code, ""))
    assert texts[0] == texts[1]


def test_a_site_manager_may_name_who_uses_the_site(nation: Nation) -> None:
    manager = nation.cast.site_manager
    assert total(manager, f"project={nation.other_project.code}") == 30
    assert total(manager, f"organisation={nation.cast.organisation.code}") == 1000
    with pytest.raises(NotVisible):
        ask(manager, "site=uet")


def test_a_person_is_shown_to_that_person_alone(nation: Nation) -> None:
    assert total(nation.cast.member, "person=me") == 10
    assert total(nation.cast.member, f"person={nation.cast.member.code}") == 10
    for user in (nation.cast.pi, nation.cast.admin):
        with pytest.raises(NotVisible):
            ask(user, f"person={nation.cast.member.code}")


# --- Questions --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "field", "remedy"),
    [
        ("group_by=planet", "group_by", "day, month, site, resource, organisation, project"),
        ("group_by=day,day%00", "group_by", "day"),
        ("metrics=rupees", "metrics", "gpu_seconds"),
        ("from=yesterday", "from", "2026-11-30"),
        ("to=2026-02-30", "to", "2026-11-30"),
        ("from=2026-11-02&to=2026-11-01", "to", "from"),
        ("period=eternity", "period", "last_month"),
        ("period=this_month&from=2026-11-01", "period", "from"),
        ("ordering=jobs&metrics=gpu_hours", "ordering", "-gpu_hours"),
        ("organization=x", "organization", "organisation"),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_possible(
    cast: Cast, query: str, field: str, remedy: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(QueryDict(query), scope_of(cast.admin))
    assert refusal.value.field == field
    assert remedy in str(refusal.value.remedy)


@pytest.fixture
def _late_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2026, 11, 22))


@pytest.mark.usefixtures("_late_november")
@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", date(2026, 11, 1), date(2026, 11, 30)),
        ("from=2026-10-05", date(2026, 10, 5), date(2026, 11, 30)),
        ("to=2026-02-10", date(2026, 2, 1), date(2026, 2, 10)),
        ("from=2027-02-03", date(2027, 2, 3), date(2027, 2, 28)),
        ("period=last_month", date(2026, 10, 1), date(2026, 10, 31)),
        ("period=this_quarter", date(2026, 10, 1), date(2026, 12, 31)),
        ("period=last_quarter", date(2026, 7, 1), date(2026, 9, 30)),
    ],
)
def test_periods(cast: Cast, query: str, first: date, last: date) -> None:
    question = read(QueryDict(query), scope_of(cast.admin))
    assert (question.first, question.last) == (first, last)


def test_last_month_of_january() -> None:
    assert PERIODS["last_month"].days(date(2026, 1, 31)) == (date(2025, 12, 1), date(2025, 12, 31))


def test_a_question_written_back_is_the_same_question(nation: Nation) -> None:
    scope = scope_of(nation.cast.pi)
    question: Question = read(
        QueryDict(f"group_by=site&group_by=day&site=ned&person=me&ordering=-day&{NOVEMBER}"), scope
    )
    again = read(QueryDict(question.query()), scope)
    assert again == question
    assert [dimension.key for dimension in again.group_by] == ["site", "day"]


# --- Answers ----------------------------------------------------------------------------------------
def test_the_etag_changes_with_the_figures_and_the_names(nation: Nation) -> None:
    seen = [ask(nation.cast.admin, "group_by=project").etag]
    assert ask(nation.cast.admin, "group_by=project").etag == seen[0]
    usage_correct(run_key="plain", gpu_seconds=980, reason="x")
    usage_correct(run_key="uet", gpu_seconds=210, reason="x")  # the same sum
    seen.append(ask(nation.cast.admin, "group_by=project").etag)
    nation.cast.project.title = "Another"
    nation.cast.project.store("title")
    seen.append(ask(nation.cast.admin, "group_by=project").etag)
    seen.append(ask(nation.cast.council, "group_by=project").etag)
    assert len(set(seen)) == 4


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 12, 5), True), (date(2026, 12, 6), False)])
def test_a_period_settles_five_days_after_its_end(
    nation: Nation, monkeypatch: pytest.MonkeyPatch, day: date, expected: bool
) -> None:
    monkeypatch.setattr(clock, "today", lambda: day)
    answer = ask(nation.cast.admin)
    assert answer.provisional is expected
    assert ("Provisional" in answer.note) is expected


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_words_are_no_formulas(begin: str) -> None:
    assert harmless(f"{begin}1+1") == f"'{begin}1+1"
    assert harmless(f"a{begin}") == f"a{begin}"


def test_numbers_stay_numbers() -> None:
    assert harmless(-1.5) == -1.5


def test_csv_has_a_header_and_every_row(nation: Nation) -> None:
    answer = ask(nation.cast.admin, "group_by=project&metrics=gpu_seconds,jobs")
    lines: Iterator[str] = csv_lines(answer.columns, answer.streamed())
    assert list(lines) == [
        "project,project_name,gpu_seconds,jobs\r\n",
        f"{nation.other_project.code},'=1+1,30,1\r\n",
        f"{nation.cast.project.code},Retina screening,1200,3\r\n",
    ]
