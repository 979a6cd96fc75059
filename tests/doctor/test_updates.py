"""Doctor tells how old the index of the device's archive is; no archive is no fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from agent.app.build import info_maker
from agent.app.settings import settings_of
from agent.config.load import load
from agent.device.updates import SOURCES, followed_suite
from agent.doctor.checks_updates import updates_check
from agent.doctor.system import System
from agent.wire.payloads import info_wire
from tests.locale.languages import ENGLISH, VIETNAMESE

if TYPE_CHECKING:
    from pathlib import Path

    from agent.doctor import Finding
    from tests.doctor.place import Place

# As deploy/archive/device.sh writes it.
SOURCE = """# The channel of this place: trixie-canary gets versions first.
Types: deb
URIs: http://archive.example/presence
Suites: trixie-canary
Components: main
Signed-By: /etc/apt/keyrings/presence-agent.gpg
"""


def write(root: Path, name: str, content: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)


def write_index(
    root: Path,
    age: timedelta,
    suite: str = "trixie-canary",
    origin: str = "presence-agent",
    file: str = "InRelease",
) -> None:
    signed = format_datetime(datetime.now(UTC) - age, usegmt=True)
    text = f"-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: {origin}\nSuite: {suite}\nDate: {signed}\n"
    write(root, f"var/lib/apt/lists/{origin}.example_presence_dists_{suite}_{file}", text)


def found(root: Path) -> list[Finding]:
    findings: list[Finding] = []
    updates_check(System(root), findings.append)
    return findings


@pytest.mark.parametrize(
    ("days", "code"),
    [(-3, "updates.ok"), (0, "updates.ok"), (14, "updates.ok"), (15, "updates.old"), (400, "updates.old")],
)
@pytest.mark.parametrize("file", ["InRelease", "Release"])
def test_age_of_the_index(tmp_path: Path, days: int, code: str, file: str) -> None:
    write(tmp_path, SOURCES, SOURCE)
    write_index(tmp_path, timedelta(days=days, hours=1), file=file)
    # Of another suite, and of somebody else's archive.
    write_index(tmp_path, timedelta(0) if code == "updates.old" else timedelta(days=90), "trixie-stable")
    write_index(tmp_path, timedelta(0) if code == "updates.old" else timedelta(days=90), origin="other")
    (finding,) = found(tmp_path)
    assert finding.code == code
    day = datetime.now(UTC) - timedelta(days=days, hours=1)
    for language in (ENGLISH, VIETNAMESE):
        assert f"{day:%Y-%m-%d}" in finding.found(language)
        assert "trixie-canary" in finding.found(language)
        remedy = finding.remedy(language)
        assert ("sudo apt-get update" in remedy if remedy else False) == (code == "updates.old")


@pytest.mark.parametrize(
    "damaged", [None, "", "Origin: presence-agent\nDate: yesterday\n", "Origin: presence-agent\n"]
)
def test_no_index_that_can_be_read(tmp_path: Path, damaged: str | None) -> None:
    write(tmp_path, SOURCES, SOURCE)
    if damaged is not None:
        write(tmp_path, "var/lib/apt/lists/archive.example_presence_dists_trixie-canary_InRelease", damaged)
    assert [finding.code for finding in found(tmp_path)] == ["updates.none"]


@pytest.mark.parametrize(
    "source",
    [None, "", SOURCE + "Enabled: no\n", SOURCE.replace("trixie-canary\n", "/\n"), "Suites:\n", "\x00"],
)
def test_device_without_an_archive(tmp_path: Path, source: str | None) -> None:
    if source is not None:
        write(tmp_path, SOURCES, source)
    write_index(tmp_path, timedelta(days=90))
    assert [finding.code for finding in found(tmp_path)] == ["updates.by_hand"]
    assert followed_suite(tmp_path) is None


def test_old_index_is_a_warning_of_the_report(place: Place) -> None:
    place.sight()
    write(place.root, SOURCES, SOURCE)
    write_index(place.root, timedelta(days=20))
    report = place.examined()
    assert report.findings[-1].code == "updates.old"
    assert (report.findings[-1].values["days"], report.exit_code) == (20, 0)


def test_info_has_the_suite(place: Place) -> None:
    made = settings_of(load(place.write_config()))
    for source, suite in (
        (None, None),
        (SOURCE, "trixie-canary"),
        (SOURCE.replace("canary", "stable"), "trixie-stable"),
    ):
        if source:
            write(place.root, SOURCES, source)
        text = info_maker(made, place.root)("0123abcd", "89abcdef")
        assert info_wire().model_validate_json(text).suite == suite
        assert ('"suite"' in text) == (suite is not None)
