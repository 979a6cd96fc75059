"""Findings of doctor: sorted, as sentences, as JSON, and as an exit code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.doctor.messages import CHECKS, LABELS, MARKS, MESSAGES, REMEDY_MARK, SUMMARY
from agent.locale.language import in_context
from agent.locale.problems import translated
from agent.render.sentences import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from gettext import NullTranslations

    from agent.doctor.messages import Status

Verdict = Literal["ok", "warning", "fault"]
_MARK_WIDTH = 10
# Values that are sentences of other parts, in English.
_PROBLEMS = ("problem", "cause", "result", "message")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        code: a key of MESSAGES: the check and, behind a dot, what it found.
        values: what goes into the sentences.
    """

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def check(self) -> str:
        """Which check it is of."""
        return self.code.partition(".")[0]

    @property
    def status(self) -> Status:
        """How bad it is."""
        return MESSAGES[self.code].status

    def found(self, language: NullTranslations) -> str:
        """What was found, one sentence."""
        values = {name: _value(name, value, language) for name, value in self.values.items()}
        return harmless(in_context(language, self.code, MESSAGES[self.code].found).format(**values))

    def remedy(self, language: NullTranslations) -> str | None:
        """What to do about it; None: nothing."""
        remedy = MESSAGES[self.code].remedy
        return harmless(language.gettext(remedy).format(**self.values)) if remedy else None


def _value(name: str, value: object, language: NullTranslations) -> object:
    """A value for people; most are names and numbers."""
    if name in _PROBLEMS:
        return translated(str(value), language)
    return language.pgettext("after", str(value)) if name == "after" else value


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which a technician would go.

    Attributes:
        agent: site/name; None: the configuration can't be read.
        at: when it was made, UTC.
    """

    agent: str | None
    at: datetime
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        statuses = {finding.status for finding in self.findings}
        return "fault" if "fault" in statuses else "warning" if "warning" in statuses else "ok"

    @property
    def exit_code(self) -> int:
        """2 before 1: systemd does not start the agent again with what is wrong then."""
        return max((MESSAGES[item.code].exit_code for item in self.findings), key=(0, 1, 2).index, default=0)

    def lines(self, language: NullTranslations) -> Iterator[tuple[Status | None, str]]:
        """Lines to read, each with its status; None: a remedy or the summary."""
        for finding, labels in self._joined(language):
            mark = language.pgettext("status", MARKS[finding.status])
            yield finding.status, f"{mark:<{_MARK_WIDTH}}{', '.join(labels)}: {finding.found(language)}"
            if remedy := finding.remedy(language):
                yield None, f"{'':<{_MARK_WIDTH}}{REMEDY_MARK} {remedy}"
        totals = Counter(finding.status for finding in self.findings)
        counts = {status: totals[status] for status in MARKS}
        yield None, language.gettext(SUMMARY[self.verdict]).format(**counts)

    def _joined(self, language: NullTranslations) -> Iterable[tuple[Finding, list[str]]]:
        """Findings with their labels; checks skipped for the same reason share the line of the first."""
        joined: dict[str | int, tuple[Finding, list[str]]] = {}
        for place, finding in enumerate(self.findings):
            line = finding.found(language) if finding.status == "skipped" else place
            label = language.pgettext("check", LABELS[finding.check])
            joined.setdefault(line, (finding, []))[1].append(label)
        return joined.values()

    def as_json(self, language: NullTranslations) -> str:
        """One JSON object on one line; checks and codes stay what they are, sentences follow the language."""
        body: dict[str, Any] = {
            "v": 1,
            "ts": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "agent": self.agent,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "checks": [
                {
                    "check": finding.check,
                    "code": finding.code,
                    "status": finding.status,
                    "found": finding.found(language),
                    "remedy": finding.remedy(language),
                }
                for finding in self.findings
            ],
        }
        return json.dumps(body, ensure_ascii=False)


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted as a technician would go; of one check they stay as they came."""
    places = {check: place for place, check in enumerate(CHECKS)}
    return tuple(sorted(findings, key=lambda finding: places[finding.check]))
