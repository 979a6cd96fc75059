"""Retained topics of an agent, noted in its log, so that a later start can clear those that are gone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from agent.wire.rule_kinds import WIRE_KINDS


@dataclass(frozen=True, slots=True)
class RetainedTopics:
    """Retained topics beside status, info and health.

    Attributes:
        rules: kinds of the rules that have a state, by their ids.
        discovery: topic of the discovery by Home Assistant.
    """

    rules: dict[str, str] = field(default_factory=dict)
    discovery: str | None = None

    @classmethod
    def of(cls, noted: str | None) -> RetainedTopics:
        """Read the note in the log; empty where it can't be read."""
        try:
            content = json.loads(noted or "null")
        except (ValueError, RecursionError):
            return cls()
        match content:
            case {"rules": dict(rules), "discovery": str() | None as discovery}:
                known = {rule: kind for rule, kind in rules.items() if kind in WIRE_KINDS}
                return cls(known, discovery)
            case _:
                return cls()

    def text(self) -> str:
        """As the note in the log."""
        return json.dumps({"rules": self.rules, "discovery": self.discovery})
