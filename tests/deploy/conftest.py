from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from agent.mqtt import publisher as publisher_module
from tests.broker import CentralBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def start_central(tmp_path: Path) -> Iterator[Callable[..., CentralBroker]]:
    """Start brokers of deploy/broker; they are stopped after the test."""
    started = []

    def start(*more: str) -> CentralBroker:
        broker = CentralBroker(tmp_path, *more)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.stop(signal.SIGKILL)


@pytest.fixture
def central(start_central: Callable[..., CentralBroker]) -> CentralBroker:
    return start_central()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon: only how long it takes is not as it will be."""
    monkeypatch.setattr(publisher_module, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(publisher_module, "_LONGEST_PAUSE_S", 0.3)
