"""The journal's catalogue, read as journalctl reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.core import log_messages
from agent.core.log_messages import LogMessage
from agent.health.reason_messages import REASON_LINES
from tests.conftest import ROOT

# By message id, the names of all lines that are explained.
ENTRIES = {
    value.message_id: name for name, value in vars(log_messages).items() if isinstance(value, LogMessage)
} | {line.message_id: reason for reason, line in REASON_LINES.items()}
FILES = {
    "en": ROOT / "systemd" / "presence-agent.catalog",
    "vi": ROOT / "systemd" / "presence-agent.vi.catalog",
}


@dataclass(frozen=True)
class Explained:
    """What one file says of an entry."""

    subject: str
    text: str


def explained(language: str) -> dict[str, Explained]:
    """All of a language, by message id."""
    found = {}
    for part in re.split(r"^-- ", FILES[language].read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, text = part.partition("\n\n")
        message_id, *lines = head.splitlines()
        fields = dict(line.split(": ", 1) for line in lines)
        assert set(fields) == {"Subject", "Defined-By", "Documentation"}, message_id
        assert message_id not in found, message_id
        found[message_id] = Explained(fields["Subject"], text.strip())
    return found
