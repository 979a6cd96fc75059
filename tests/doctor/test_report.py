"""What the report looks like: words in both languages, JSON, exit codes."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.doctor.messages import CHECKS, LABELS, MARKS, MESSAGES, SUMMARY
from agent.doctor.report import Finding, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran

AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_are_complete() -> None:
    pairs = [*LABELS.values(), *MARKS.values(), *SUMMARY.values()]
    for words in MESSAGES.values():
        pairs += [words.found, *([words.remedy] if words.remedy else [])]
    for english, vietnamese in pairs:
        assert english.strip(), vietnamese
        assert vietnamese.strip(), english
        # A Vietnamese sentence of a sum may leave nothing out, nor name what is not given.
        assert fields(english) - {"after"} == fields(vietnamese) - {"after_vi"}, english
        assert english.isascii() or "×" in english or "°" in english, english


def test_remedies_are_sentences_and_findings_are_none() -> None:
    for code, words in MESSAGES.items():
        assert code.partition(".")[0] in CHECKS, code
        assert not words.found[0].endswith("."), code
        if words.remedy:
            assert all(text.endswith(".") for text in words.remedy), code
        if words.status in {"warning", "fault"}:
            assert words.remedy, code


@pytest.mark.parametrize(
    ("found", "exit_code", "verdict"),
    [
        ([], 0, "ok"),
        (["power.unknown", "log.skipped"], 0, "ok"),
        (["memory.low"], 0, "warning"),
        (["memory.low", "temperature.hot"], 1, "fault"),
        (["temperature.hot", "configuration.wrong"], 2, "fault"),
    ],
)
def test_exit_code_is_the_worst(found: list[str], exit_code: int, verdict: str) -> None:
    report = Report(None, AT, tuple(Finding(code) for code in found))
    assert (report.exit_code, report.verdict) == (exit_code, verdict)


@pytest.mark.parametrize("vietnamese", [False, True])
def test_what_waits_for_the_same_is_one_line(vietnamese: bool) -> None:
    camera, broker = ({"after": name, "after_vi": name} for name in ("the camera", "the broker"))
    found = (
        Finding("configuration.ok", {"path": "agent.toml"}),
        Finding("light.skipped", camera),
        Finding("broker_tls.skipped", broker),
        Finding("power.unknown"),
        Finding("focus.skipped", camera),
    )
    lines = [line for _, line in Report(None, AT, found).lines(vietnamese)][:-1]
    labels = [LABELS[check][vietnamese] for check in ("light", "focus")]
    assert len(lines) == 4
    assert f"{labels[0]}, {labels[1]}: " in lines[1]
    assert lines[1].endswith(found[1].found(vietnamese))
    assert lines[2].endswith(f"{LABELS['broker_tls'][vietnamese]}: {found[2].found(vietnamese)}")


def test_json_form() -> None:
    found = (Finding("disk.full", {"free_mb": 3, "path": "/var"}), Finding("power.unknown"))
    report = Report("a/b", AT, found)
    assert json.loads(report.as_json(False)) == {
        "v": 1,
        "ts": "2026-11-22T03:04:05Z",
        "agent": "a/b",
        "verdict": "fault",
        "exit_code": 1,
        "checks": [
            {
                "check": "disk",
                "code": "disk.full",
                "status": "fault",
                "found": "full: 3 MB free for /var",
                "remedy": "Delete what is not needed, or use a larger card.",
            },
            {
                "check": "power",
                "code": "power.unknown",
                "status": "unknown",
                "found": "this machine does not report its power supply",
                "remedy": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("locale", "words"), [("C.UTF-8", ("FAULT", "Correct it")), ("vi_VN.UTF-8", ("LỖI", "Hãy sửa lại"))]
)
def test_command(
    presence_agent: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    ran = presence_agent("doctor", "--config", tmp_path / "nothing.toml")
    assert ran.code == 2
    assert ran.err == ""
    assert "\033" not in ran.out
    assert all(word in ran.out for word in (*words, "nothing.toml"))
    # One line says what can't be tried without the configuration.
    assert sum(line.startswith((*MARKS["skipped"],)) for line in ran.out.splitlines()) == 1


def test_command_as_json(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    ran = presence_agent("doctor", "--json", "--config", tmp_path / "nothing.toml")
    body = json.loads(ran.out)
    assert ran.code == body["exit_code"] == 2
    assert [check["check"] for check in body["checks"]][:3] == ["whose", "configuration", "hours"]
    assert {check["check"] for check in body["checks"]} == set(CHECKS)
