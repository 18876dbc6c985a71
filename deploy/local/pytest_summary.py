"""Pytest plugin: says at the end what each suite (a directory below tests/) covered, and what was skipped."""

from collections import Counter, defaultdict

import pytest

_counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
_seconds: defaultdict[str, float] = defaultdict(float)
_skipped: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    suite = report.nodeid.split("/")[1] if report.nodeid.count("/") > 1 else "tests"
    _seconds[suite] += report.duration
    if report.when == "call" or report.outcome != "passed":
        _counts[suite][report.outcome] += 1
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped[f"{suite}: {report.longrepr[2].removeprefix('Skipped: ')}"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("what was covered")
    for suite, counts in sorted(_counts.items()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        terminalreporter.write_line(f"{suite:14}{told}  ({_seconds[suite]:.0f} s)")
    for reason, count in sorted(_skipped.items()):
        terminalreporter.write_line(f"skipped {count}  {reason}")
