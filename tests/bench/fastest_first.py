"""A plugin of pytest for tests/bench/mutants.py: which tests are run on a mutant, and in which order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

# In the folder of mutants, where mutmut runs them.
_TIMES: Final = Path("mutmut-stats.json")
# What takes long and is about one module only, though it reaches many.
_OF_ONE: Final = {
    "tests/eventlog/test_file_identity.py": tuple(
        f"agent.eventlog.{module}."
        for module in ("database", "file", "file_identity", "lock", "watched_file")
    ),
    "tests/presence/test_changed.py": ("agent.presence.",),
    "tests/presence/test_ledger.py::test_whatever_people_do": ("agent.presence.",),
    "tests/presence/test_scenes.py": ("agent.presence.",),
    "tests/mqtt/test_outbox.py::TestDelivery": ("agent.mqtt.outbox.",),
}
# Before the mutants mutmut runs all tests a second time, without any.
_AGAIN: Final = 20


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fastest come first, since the first one that fails ends it."""
    if not _TIMES.exists():
        return
    took_s = json.loads(_TIMES.read_text())["duration_by_test"]
    items.sort(key=lambda item: took_s.get(item.nodeid, 0.0))
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    if mutant.startswith("agent."):
        items[:] = [item for item in items if _is_about(item.nodeid, mutant)]
    elif not mutant:
        del items[_AGAIN:]


def _is_about(test: str, mutant: str) -> bool:
    return not any(test.startswith(own) and not mutant.startswith(of) for own, of in _OF_ONE.items())
