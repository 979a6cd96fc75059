"""What was skipped is listed at the end by its reason.

With PRESENCE_TEST_COMPLETE=1 only what a machine can't help may be skipped; the rest fails.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)
COMPLETE = "PRESENCE_TEST_COMPLETE"

# What a machine can't help that has all that may be had: the only reasons to skip where everything must run.
ALLOWED = (
    r"set PRESENCE_TEST_(BROWSER|CLUSTER|NODE)=1 ",  # behind a flag
    r"yolox_tiny is not fetched",  # 20 MB for who wants them, which no package has
    r"no \.\./shared/",  # where this project is built only
    r"root may (write|read) every",  # for ordinary users
    r"(needs|only) root\b|network namespaces need root|only root ",  # for root
    r"(nothing|no disk in a file|a file system) (may|can|can't) be mounted here",  # its kernel says no
    r"no (mount|network) namespaces? (can be made )?here",
    r"nobody may not run Python here",
    r"PostgreSQL's planner goes by",  # with a handful of rows it takes no index
    r"this OpenCV has no font but ASCII",
)
_ALLOWED = re.compile("|".join(ALLOWED))


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test or a file of tests was skipped."""
    place = report.longrepr
    return str(place[2] if isinstance(place, tuple) else place).removeprefix("Skipped: ")


def _judged(report: _Report) -> _Report:
    """Make a skip for another reason a failure, where everything must run."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get(COMPLETE):
        reason = reason_of(report)
        if not _ALLOWED.match(reason):
            report.outcome = "failed"
            report.longrepr = f"skipped, though {COMPLETE} wants it to run: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a file of tests."""
    return _judged((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the reasons, the most frequent first."""
    reasons = Counter(map(reason_of, terminalreporter.stats.get("skipped", [])))
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5} {reason}")
