from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.broker import Account, CentralBroker
from tests.doctor.place import Place
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command is given up on a busy machine."""
    monkeypatch.setattr("agent.doctor.system._COMMAND_S", PATIENCE_S)


@pytest.fixture(scope="module")
def whole_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CentralBroker, Account]]:
    """A broker that no test breaks, and the device's account at it."""
    broker = CentralBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    account = broker.add("device", "que-phong", "one-stop")
    assert account.password_file
    account.password_file.chmod(0o600)
    yield broker, account
    broker.stop(signal.SIGKILL)


@pytest.fixture
def start_central(tmp_path: Path) -> Iterator[Callable[[], CentralBroker]]:
    """Start brokers that a test may break."""
    started = []

    def start() -> CentralBroker:
        broker = CentralBroker(tmp_path)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.stop(signal.SIGKILL)


@pytest.fixture
def place(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Place:
    """A good machine without a broker."""
    request.getfixturevalue("weights")
    made = Place(tmp_path, {"source": clip})
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return made


@pytest.fixture
def at_broker(place: Place, whole_broker: tuple[CentralBroker, Account]) -> Place:
    """A good machine with its broker."""
    connect(place, *whole_broker)
    return place


def connect(place: Place, broker: CentralBroker, account: Account) -> None:
    place.mqtt = {
        "host": "127.0.0.1",
        "port": broker.port,
        "username": account.login,
        "password_file": account.password_file,
        "ca_file": broker.ca_file,
    }
