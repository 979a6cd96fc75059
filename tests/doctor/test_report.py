"""What the report looks like: words in both languages, JSON, exit codes."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.doctor.messages import CHECKS, LABELS, MARKS, MESSAGES, SUMMARY
from agent.doctor.report import Finding, Report
from agent.locale.language import in_context, language_of
from tests.locale.languages import ENGLISH, LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from gettext import NullTranslations
    from pathlib import Path

    from tests.conftest import Ran

AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_is_english() -> None:
    texts = [*LABELS.values(), *MARKS.values(), *SUMMARY.values()]
    for message in MESSAGES.values():
        texts += [message.found, message.remedy or "-"]
    for text in texts:
        assert text.strip()
        assert text.isascii() or "×" in text or "°" in text, text


def test_remedies_are_sentences_and_findings_are_none() -> None:
    for code, message in MESSAGES.items():
        assert code.partition(".")[0] in LABELS, code
        for language in LANGUAGES:
            assert not in_context(language, code, message.found).endswith("."), code
            assert language.gettext(message.remedy or ".").endswith("."), code
        if message.status in {"warning", "fault"}:
            assert message.remedy, code


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


@pytest.mark.parametrize("language", LANGUAGES, ids=["en", "vi"])
def test_what_waits_for_the_same_is_one_line(language: NullTranslations) -> None:
    camera, broker = ({"after": name} for name in ("the camera", "the broker's name"))
    found = (
        Finding("configuration.ok", {"path": "agent.toml"}),
        Finding("light.skipped", camera),
        Finding("broker_tls.skipped", broker),
        Finding("power.unknown"),
        Finding("focus.skipped", camera),
    )
    lines = [line for _, line in Report(None, AT, found).lines(language)][:-1]
    labels = [language.pgettext("check", LABELS[check]) for check in ("light", "focus", "broker_tls")]
    assert len(lines) == 4
    assert f"{labels[0]}, {labels[1]}: " in lines[1]
    assert lines[1].endswith(found[1].found(language))
    assert lines[2].endswith(f"{labels[2]}: {found[2].found(language)}")


def test_json_form() -> None:
    found = (Finding("disk.full", {"free_mb": 3, "path": "/var"}), Finding("power.unknown"))
    report = Report("a/b", AT, found)
    assert json.loads(report.as_json(ENGLISH)) == {
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
    mark = language_of(locale).pgettext("status", MARKS["skipped"])
    assert sum(line.startswith(mark) for line in ran.out.splitlines()) == 1


def test_command_as_json(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    ran = presence_agent("doctor", "--json", "--config", tmp_path / "nothing.toml")
    body = json.loads(ran.out)
    assert ran.code == body["exit_code"] == 2
    assert [check["check"] for check in body["checks"]][:3] == ["whose", "configuration", "hours"]
    # That one is the preflight's.
    assert {check["check"] for check in body["checks"]} == set(CHECKS) - {"start"}
