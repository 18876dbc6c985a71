"""Why a job waits or was refused, in the reader's language."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from scheduler_bridge.jobs.reasons import OWN_REASONS, explain, in_a_line, lines
from scheduler_bridge.slurm_rest_client import Refused
from scheduler_bridge.slurm_rest_client.explanations import EXPLANATIONS

BRIDGE = Path(settings.BASE_DIR, "scheduler_bridge")


def stored(code: int) -> str:
    error = Refused("submit", "Slurm's\n own words", status=500, code=code)
    return lines(error, words=error.reason)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_slurms_answer_is_told_in_both_languages(code: int):
    told = explain(stored(code))
    assert told is not None
    assert (told.text, told.remedy) == EXPLANATIONS[code][:2]
    assert told.words == "Slurm's own words"
    with translation.override("ur"):
        urdu = explain(stored(code))
        assert urdu is not None
        assert str(urdu.text) != EXPLANATIONS[code].cause
        assert str(urdu.remedy) != EXPLANATIONS[code].remedy
        assert urdu.words == "Slurm's own words"


def test_a_line_has_all_three():
    assert in_a_line(stored(2045)) == " ".join([*EXPLANATIONS[2045][:2], "(Slurm's own words)"])
    assert in_a_line("") == ""


def test_the_portals_own_problems_have_no_words_of_slurm():
    told = explain(lines(EXPLANATIONS[2045]))
    assert told is not None
    assert (told.text, told.remedy, told.words) == (*EXPLANATIONS[2045][:2], "")


def test_whatever_the_bridge_writes_is_in_the_catalogue():
    """A sentence in a `reason` that nobody marked would stay English for ever."""
    rooms = [BRIDGE / "dispatch", BRIDGE / "accounting"]
    files = [file for room in rooms for file in room.rglob("*.py")]
    written = {text for file in files for text in reasons_in(ast.parse(file.read_text()))}
    assert "The allocation has ended." in written
    assert written <= set(OWN_REASONS)


def reasons_in(tree: ast.AST) -> set[str]:
    """Literal sentences given as `reason=…`, to `job.reason`, or as an Answer's text."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Answer"), args=[_, _, text, *_]):
                found.append(text)
            case ast.Call(keywords=keywords):
                found += [keyword.value for keyword in keywords if keyword.arg == "reason"]
            case ast.Assign(targets=[ast.Attribute(attr="reason")], value=value):
                found.append(value)
            case ast.Assign(targets=[ast.Name(id="text")], value=value):
                found.append(value)
    texts = [one.value for one in found if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return {text for text in texts if " " in text}
