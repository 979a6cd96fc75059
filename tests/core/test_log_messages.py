"""Lines that a technician may meet are entries, which a catalogue explains."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from agent.core import log_messages
from agent.core.log_messages import LogMessage
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRIES = {name: value for name, value in vars(log_messages).items() if isinstance(value, LogMessage)}
# What runs elsewhere than in the service.
# The other end has a journal of its own.
ELSEWHERE = (
    *(
        "agent/central/",
        "agent/app/centre_run.py",
        "agent/app/receive.py",
        "agent/app/simulate.py",
        "agent/app/web.py",
    ),
    "agent/app/web_certificate.py",
    "agent/mqtt/subscriber.py",
)
LEVELS = {"info", "warning", "error", "critical"}


def test_ids_are_different_and_well_formed() -> None:
    ids = [entry.message_id for entry in ENTRIES.values()]
    assert len(set(ids)) == len(ids) > 40
    assert all(re.fullmatch("[0-9a-f]{32}", message_id) for message_id in ids)


def test_an_entry_is_its_wording() -> None:
    entry = LogMessage("it is %s", "0" * 32)
    assert entry % "so" == "it is so"


def sources() -> Iterator[Path]:
    for path in sorted((ROOT / "agent").rglob("*.py")):
        if not str(path.relative_to(ROOT)).startswith(ELSEWHERE):
            yield path


def logged(path: Path) -> Iterator[tuple[int, str, ast.expr]]:
    """Line, level and wording of each call of a logger."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = node.func
        if isinstance(called.value, ast.Name) and called.value.id == "_log" and called.attr in LEVELS:
            yield node.lineno, called.attr, node.args[0]


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_line_of_the_service_is_an_entry(path: Path) -> None:
    wordings = [wording for _, _, wording in logged(path)]
    names = [
        name.id
        for wording in wordings
        for name in ([wording.body, wording.orelse] if isinstance(wording, ast.IfExp) else [wording])
        if isinstance(name, ast.Name)
    ]
    assert len(names) >= len(wordings), [ast.unparse(wording) for wording in wordings]
    assert set(names) <= set(ENTRIES)


def test_every_entry_is_said_somewhere() -> None:
    said = "\n".join(
        path.read_text() for path in sources() if path.name != "journal.py" or "device" in str(path)
    )
    said += (ROOT / "systemd" / "presence-agent-check").read_text()
    unsaid = [
        name
        for name, entry in ENTRIES.items()
        if not re.search(rf"\b{name}\b", said) and entry.message_id not in said
    ]
    assert unsaid == []
