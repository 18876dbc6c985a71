"""Award letters: what they say, in both languages, and how they are checked."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation

from allocations.awards import services
from allocations.awards.letters.pdf import letter_pdf
from allocations.awards.letters.selectors import letter_of_code, standing_of
from allocations.awards.letters.words import conditions_of, letter_words
from allocations.awards.models import Allocation, Award, Letter
from allocations.awards.services.letters import letter_issue
from portal.foundation import clock
from portal.foundation.models import AuditRow
from tests.cast import Cast
from tests.requesting import HOUR, approve, fund, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def award(cast: Cast) -> Award:
    fund(cast.resource)
    return services.award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=1234 * HOUR + HOUR // 2,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=90),
    )


def facts(letter: Letter, language: str = "en") -> dict[str, str]:
    with translation.override(language):
        return {fact["text"]: fact["direction"] for fact in letter_words(letter)["facts"]}


def test_a_letter_is_issued_once_with_the_names_of_that_day(cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    cast.organisation.name = "Another name"
    cast.organisation.save()
    award.refresh_from_db()
    assert letter_issue(actor=cast.member, award=award) == letter
    assert letter.organisation == "NED University"
    assert letter.investigator == "Pi"
    assert AuditRow.objects.filter(action="letter_issue").count() == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        Letter.objects.update(organisation="Forged")


def test_it_says_what_was_awarded(cast: Cast, award: Award) -> None:
    said = facts(letter_issue(actor=cast.pi, award=award))
    assert {"NED University", "Retina screening", "Ned H100", "Ned", "1,234.5", "Pi", award.code} <= set(said)


def test_somebodys_own_words_run_as_they_run(cast: Cast, award: Award) -> None:
    cast.project.title = "ریٹینا (retina)"
    cast.project.save()
    award.allocation.refresh_from_db()
    said = facts(letter_issue(actor=cast.pi, award=Award.objects.get()), "ur")
    assert said["ریٹینا (retina)"] == "rtl"
    assert said["NED University"] == "ltr"


def test_demonstrations_are_labelled(cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    assert letter_words(letter)["illustrative"] == ""
    cast.organisation.illustrative = True
    cast.organisation.save()
    assert "ILLUSTRATIVE" in letter_words(Letter.objects.get())["illustrative"]


def test_the_decisions_conditions_stand_in_it(cast: Cast, award: Award) -> None:
    assert conditions_of(award) == []
    decision = approve(cast, submitted(cast), conditions="Publish the weights.\n\n Checkpoint hourly. ")
    awarded = decision.lines.get().award
    assert awarded is not None
    letter = letter_issue(actor=cast.pi, award=awarded)
    said = [line["text"] for line in letter_words(letter)["conditions"]]
    assert said[:2] == ["Publish the weights.", "Checkpoint hourly."]
    assert {decision.request.code, "Granted as asked"} <= set(facts(letter))
    assert letter_pdf(letter, language="ur").startswith(b"%PDF-")


def test_both_languages_are_whole_files_without_any_font_of_the_machine(cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    english, urdu = letter_pdf(letter, language="en"), letter_pdf(letter, language="ur")
    assert english.startswith(b"%PDF-")
    assert b"/Lang" in english
    assert b"NotoNastaliqUrdu" in urdu
    assert b"NotoNastaliqUrdu" not in english
    assert letter_pdf(letter, language="ur") == urdu, "the same letter is the same file"
    assert max(len(english), len(urdu)) < 300_000


def test_a_code_is_found_however_it_is_typed(cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    assert letter_of_code(f" {letter.code.upper()} ") == letter
    assert letter_of_code(award.code) is None, "who knows the award's code alone can't write a letter"
    assert letter_of_code("ltr-0000000000") is None


def test_the_check_tells_what_became_of_it(cast: Cast, award: Award) -> None:
    letter = letter_issue(actor=cast.pi, award=award)
    assert standing_of(letter) == "It is in force."
    services.allocation_revoke(actor=cast.admin, allocation=award.allocation, reason="Test.")
    assert standing_of(Letter.objects.get()) == "It was revoked."
    Allocation.objects.filter(pk=award.allocation_id).update(state="closed")
    assert standing_of(Letter.objects.get()) == "It ended early."
