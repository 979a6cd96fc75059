"""Edges of the payloads that a sample of mutants found untested (tests/bench/mutants.py)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.wire import health, payloads
from agent.wire.asyncapi import _summary
from agent.wire.health import EarlierLogWire
from tests.samples import make_health, make_info

if TYPE_CHECKING:
    import pytest


def test_info_of_exactly_the_most_bytes_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_info().text()
    monkeypatch.setattr(payloads, "MOST_INFO_BYTES", len(text.encode()))
    assert make_info().text() == text
    monkeypatch.setattr(payloads, "MOST_INFO_BYTES", len(text.encode()) - 1)
    assert len(json.loads(make_info().text())["rules"]) == len(make_info().rules) - 1


def test_health_of_exactly_the_most_bytes_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tuple(EarlierLogWire(log=log, last_seq=7) for log in ("fedcba97", "fedcba98"))
    text = make_health(earlier_logs=logs).text()
    monkeypatch.setattr(health, "_MOST_BYTES", len(text))
    assert make_health(earlier_logs=logs).text() == text
    monkeypatch.setattr(health, "_MOST_BYTES", len(text) - 1)
    # The oldest goes.
    assert json.loads(make_health(earlier_logs=logs).text())["earlier_logs"] == [
        {"log": "fedcba98", "last_seq": 7}
    ]


def test_summary_of_nothing_is_empty() -> None:
    assert _summary(None) == ""
    assert _summary("One\n    line.") == "One line."
