"""Findings of doctor: sorted, as sentences, as JSON, and as an exit code."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.doctor.messages import CHECKS, LABELS, MARKS, MESSAGES, REMEDY_MARK, SUMMARY
from agent.doctor.problems import in_vietnamese
from agent.render.sentences import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from agent.doctor.messages import Status

Verdict = Literal["ok", "warning", "fault"]
_MARK_WIDTH = 10
# Sentences of other parts, in English; the rest of a finding's values are names and numbers.
_TRANSLATED_VALUES = ("problem", "cause", "result", "message")


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

    def found(self, vietnamese: bool) -> str:
        """What was found, one sentence."""
        values = {
            name: in_vietnamese(str(value)) if vietnamese and name in _TRANSLATED_VALUES else value
            for name, value in self.values.items()
        }
        return harmless(MESSAGES[self.code].found[vietnamese].format(**values))

    def remedy(self, vietnamese: bool) -> str | None:
        """What to do about it; None: nothing."""
        words = MESSAGES[self.code].remedy
        return harmless(words[vietnamese].format(**self.values)) if words else None


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

    def lines(self, vietnamese: bool) -> Iterator[tuple[Status | None, str]]:
        """Lines to read, each with its status; None: a remedy or the summary."""
        for finding, labels in self._joined(vietnamese):
            mark = MARKS[finding.status][vietnamese]
            yield finding.status, f"{mark:<{_MARK_WIDTH}}{', '.join(labels)}: {finding.found(vietnamese)}"
            if remedy := finding.remedy(vietnamese):
                yield None, f"{'':<{_MARK_WIDTH}}{REMEDY_MARK} {remedy}"
        totals = Counter(finding.status for finding in self.findings)
        counts = {status: totals[status] for status in MARKS}
        yield None, SUMMARY[self.verdict][vietnamese].format(**counts)

    def _joined(self, vietnamese: bool) -> Iterable[tuple[Finding, list[str]]]:
        """Findings with their labels; checks skipped for the same reason share the line of the first."""
        joined: dict[str | int, tuple[Finding, list[str]]] = {}
        for place, finding in enumerate(self.findings):
            line = finding.found(vietnamese) if finding.status == "skipped" else place
            joined.setdefault(line, (finding, []))[1].append(LABELS[finding.check][vietnamese])
        return joined.values()

    def as_json(self, vietnamese: bool) -> str:
        """One JSON object on one line; checks and codes stay what they are, sentences follow the locale."""
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
                    "found": finding.found(vietnamese),
                    "remedy": finding.remedy(vietnamese),
                }
                for finding in self.findings
            ],
        }
        return json.dumps(body, ensure_ascii=False)


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted as a technician would go; of one check they stay as they came."""
    places = {check: place for place, check in enumerate(CHECKS)}
    return tuple(sorted(findings, key=lambda finding: places[finding.check]))
