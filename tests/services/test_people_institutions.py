"""The allow-list of recognised institutions: kept by admins, imported from a table."""

import pytest

from portal.foundation.errors import InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow
from portal.people.models import RecognisedInstitution
from portal.people.selectors import institution_of, institutions_visible_to
from portal.people.services.institution_import import institutions_import, institutions_plan
from portal.people.services.institutions import institution_add, institution_update

pytestmark = pytest.mark.django_db
HEAD = "name,domains,province,source\n"


def add(cast, name="NED University", domains=("neduet.edu.pk",), **changes) -> RecognisedInstitution:
    fields = {"name": name, "domains": domains, "province": "sindh", "source": "HEC, 2026"} | changes
    return institution_add(actor=cast.admin, **fields)


def test_an_admin_keeps_the_list(cast, settings):
    row = add(cast, domains=["@NEDUET.edu.pk", "ned.edu.pk "])
    assert row.domains == ["ned.edu.pk", "neduet.edu.pk"]
    facts = {"name": row.name, "domains": row.domains, "province": "kp", "source": "HEC, 2027"}
    changed = institution_update(actor=cast.admin, institution=row, **facts, is_active=False)
    assert (changed.province, changed.is_active) == ("kp", False)
    assert AuditRow.objects.get(action="institution_update").before["province"] == "sindh"
    assert institution_of("ned.edu.pk") is None
    assert list(institutions_visible_to(cast.admin)) == [row]
    assert not institutions_visible_to(cast.pi).exists()
    for stranger in (cast.council, cast.pi, cast.outsider):
        with pytest.raises(NotAllowed):
            institution_add(actor=stranger, **facts)
        with pytest.raises(NotAllowed):
            institution_update(actor=stranger, institution=row, **facts, is_active=True)
        with pytest.raises(NotAllowed):
            institutions_import(actor=stranger, table=HEAD)
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        add(cast, "Other", ["other.edu.pk"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"domains": []}, "domains"),
        ({"domains": ["edu.pk"]}, "domains"),
        ({"domains": ["pk"]}, "domains"),
        ({"domains": ["gmail.com"]}, "domains"),
        ({"domains": ["yahoo.co.uk"]}, "domains"),
        ({"domains": ["nеduet.edu.pk"]}, "domains"),  # its е is Cyrillic
        ({"domains": ["https://ned.edu.pk"]}, "domains"),
        ({"domains": ["ali@ned.edu.pk"]}, "domains"),
        ({"domains": ["a" * 101 + ".pk"]}, "domains"),
        ({"domains": ["taken.edu.pk"]}, "domains"),
        ({"name": " "}, "name"),
        ({"name": "taken university"}, "name"),
        ({"province": "goa"}, "province"),
        ({"source": ""}, "source"),
    ],
)
def test_bad_entries_name_field_and_remedy(cast, changes, field):
    add(cast, "Taken University", ["taken.edu.pk"])
    with pytest.raises(InvalidInput) as refusal:
        add(cast, **changes)
    assert refusal.value.field in (field, None)
    assert RecognisedInstitution.objects.count() == 1


def test_a_dry_run_says_what_would_change_and_changes_nothing(cast):
    kept = add(cast)
    table = HEAD + (
        'NED UNIVERSITY,neduet.edu.pk,Sindh,"HEC, 2026"\n'
        "\n"
        "Margalla Institute,margalla.edu.pk; mi.edu.pk,islamabad,HEC 2026\n"
    )
    plan = institutions_plan(actor=cast.admin, table=table)
    assert [(change.row, change.was) for change in plan.added] == [(4, None)]
    (renamed,) = plan.changed
    assert (renamed.was, renamed.now) == ({"name": "NED University"}, {"name": "NED UNIVERSITY"})
    assert list(RecognisedInstitution.objects.all()) == [kept]
    done = institutions_import(actor=cast.admin, table=table)
    assert len(done.changes) == 2
    made = RecognisedInstitution.objects.get(name="Margalla Institute")
    assert (made.domains, made.province) == (["margalla.edu.pk", "mi.edu.pk"], "islamabad")
    assert AuditRow.objects.filter(object_code=made.code).get().action == "institution_add"
    again = institutions_import(actor=cast.admin, table=table)
    assert (again.changes, again.unchanged) == ([], 2)


def test_every_bad_row_is_named_and_nothing_is_imported(cast):
    add(cast, "Taken University", ["taken.edu.pk"])
    table = HEAD + (
        "Good University,good.edu.pk,punjab,HEC\n"  # 2
        ",nameless.edu.pk,punjab,HEC\n"
        "Suffix,edu.pk,punjab,HEC\n"
        "Elsewhere,else.edu.pk,goa,HEC\n"
        "Thief,taken.edu.pk,punjab,HEC\n"
        "good  university,good2.edu.pk,punjab,HEC\n"
        "Short row\n"
        "Unsourced,unsourced.edu.pk,kp,\n"
    )
    plan = institutions_plan(actor=cast.admin, table=table)
    assert [(fault.row, fault.field) for fault in plan.faults] == [
        (3, "name"),
        (4, "domains"),
        (5, "province"),
        (6, "domains"),
        (7, "name"),
        (8, "province"),
        (9, "source"),
    ]
    assert all(fault.message for fault in plan.faults)
    with pytest.raises(InvalidInput) as refusal:
        institutions_import(actor=cast.admin, table=table)
    assert len(refusal.value.figures["faults"]) == 7
    assert RecognisedInstitution.objects.count() == 1


def test_a_domain_may_pass_from_one_row_to_another_and_out_of_use_is_said(cast):
    add(cast)
    table = "name,domains,province,source,active\n" + (
        "Successor,neduet.edu.pk,sindh,HEC,yes\nNED University,old.edu.pk,sindh,HEC,no\n"
    )
    institutions_import(actor=cast.admin, table=table)
    found = institution_of("cs.neduet.edu.pk")
    assert found is not None
    assert found.name == "Successor"
    assert not RecognisedInstitution.objects.get(name="NED University").is_active


def test_the_focal_persons_address_comes_with_the_table(cast):
    head = "name,domains,province,source,focal_email\n"
    good, bad = "Registrar@ned.edu.pk", ("x@evil.pk", "registrar at ned.edu.pk", "@ned.edu.pk")
    rows = "".join(f"NED {n},ned{n}.edu.pk,sindh,HEC,{text}\n" for n, text in enumerate(bad))
    plan = institutions_plan(actor=cast.admin, table=head + rows)
    assert [(fault.row, fault.field) for fault in plan.faults] == [(n, "focal_email") for n in (2, 3, 4)]
    institutions_import(actor=cast.admin, table=f"{head}NED,ned.edu.pk,sindh,HEC,{good}\n")
    assert RecognisedInstitution.objects.get().focal_email == "registrar@ned.edu.pk"
    # Left empty it stays.
    institutions_import(actor=cast.admin, table=f"{head}NED,ned.edu.pk,punjab,HEC,\n")
    kept = RecognisedInstitution.objects.get()
    assert (kept.province, kept.focal_email) == ("punjab", "registrar@ned.edu.pk")


@pytest.mark.parametrize("table", ["", "name,domains\nx,y\n", "a\0b", HEAD + "x,y,z,q\n" * 2001])
def test_what_is_no_such_table_is_refused_as_a_whole(cast, table):
    with pytest.raises(InvalidInput) as refusal:
        institutions_plan(actor=cast.admin, table=table)
    assert refusal.value.field == "table"
