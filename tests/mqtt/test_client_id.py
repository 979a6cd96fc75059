"""As whom an agent connects: an id with a secret that is made with the log on the card and stays with it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.app.build import random_track_ids, stages
from agent.app.publishing import delivery
from agent.app.settings import settings_of
from agent.config.load import load
from agent.core.frame import Instant
from agent.device import clock
from agent.eventlog.damage import asides
from agent.eventlog.log import EventLog
from agent.wire.payloads import Sender
from tests.conftest import Listener, Mosquitto, wait_until, write_config
from tests.eventlog.test_failover import held, run
from tests.mqtt.publishing import make_now
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.app.publishing import Delivery

HEX8 = "[0-9a-f]{8}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "card" / "events.db"


def secret_at(path: Path, sender: Sender = SENDER, board: str | None = None) -> tuple[str, str]:
    """Log id and secret of the log that is begun or found there."""
    with EventLog(sender, path, board=board) as log:
        assert re.fullmatch(HEX8, log.client_secret)
        assert log.client_secret != log.log_id
        return log.log_id, log.client_secret


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement)


# --- the secret --------------------------------------------------------------------------------------


def test_secret_is_made_with_the_log_and_kept(path: Path, tmp_path: Path) -> None:
    assert secret_at(path) == secret_at(path)
    assert secret_at(path)[1] != secret_at(tmp_path / "other.db")[1]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("DELETE FROM meta WHERE key = 'client'", id="none"),
        pytest.param("UPDATE meta SET value = '#/+' WHERE key = 'client'", id="something-else"),
    ],
)
def test_log_of_before_gets_a_secret_once(path: Path, before: str) -> None:
    log_id, old = secret_at(path)
    change(path, before)
    again = secret_at(path)
    assert again[0] == log_id
    assert again[1] != old
    assert secret_at(path) == again


@pytest.mark.parametrize("how", ["damaged", "of", "renamed", "superseded"])
def test_new_log_has_a_new_secret(path: Path, how: str) -> None:
    old = secret_at(path, board="one")
    sender = SENDER
    if how == "damaged":
        change(path, "DELETE FROM meta WHERE key = 'log_id'")
        new = secret_at(path)
    elif how == "of":
        new = secret_at(path, board="two")
    elif how == "renamed":
        with EventLog(SENDER, path) as log:
            log.append([make_now(1)])
        sender = Sender(SENDER.site, "other", SENDER.boot)
        new = secret_at(path, sender)
    else:
        with run(path) as agent:
            agent.keeper.superseded(agent.card, 99)
            agent.keep(1)
            new = agent.keeper.log.log_id, agent.keeper.client_secret
    assert asides(path, how)
    assert new[0] != old[0]
    assert new[1] != old[1]
    assert secret_at(path, sender) == new


@pytest.mark.parametrize("with_folder", [True, False])
def test_secret_stays_while_a_log_in_memory_stands_in(path: Path, tmp_path: Path, with_folder: bool) -> None:
    (tmp_path / "memory").mkdir()
    with run(path, tmp_path / "memory" if with_folder else None) as agent:
        secret = agent.card.client_secret
        agent.keep(1)
        with held(path):
            agent.keep(2)
            assert agent.keeper.log is not agent.card
            assert agent.keeper.client_secret == secret
        agent.keep(3, after_s=61)
        assert agent.keeper.log is agent.card
        assert agent.keeper.client_secret == secret


# --- at the broker -----------------------------------------------------------------------------------


@pytest.fixture
def begin(mosquitto: Mosquitto, tmp_path: Path) -> Callable[..., Delivery]:
    """What `run` does between its camera and the broker."""
    config = load(write_config(tmp_path, "x.avi", port=mosquitto.port))
    settings = settings_of(config)
    return lambda: delivery(settings, stages(settings, (64, 48), random_track_ids()).ledger)  # type: ignore[return-value]


def came_as(broker: Mosquitto) -> list[str]:
    """Client ids of agents that connected, in order."""
    return re.findall(r"New client connected from \S+ as (presence-test-yard\S*) ", broker.said())


def later(second: int) -> Instant:
    now = clock.now()
    return Instant(now.monotonic_s + second, now.utc)


@pytest.mark.usefixtures("weights")
def test_agent_connects_as_its_card_says(
    begin: Callable[..., Iterator[Delivery]],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    listener = listen(mosquitto.port)
    card = tmp_path / "log" / "events.db"

    def connections(number: int) -> None:
        wait_until(lambda: len(came_as(mosquitto)) >= number)

    with begin() as box:  # type: ignore[attr-defined]
        connections(1)
        with held(card):
            box.append([make_now(1)], later(0))
            connections(2)
        box.append([make_now(2)], later(61))
        connections(3)
    with begin():  # type: ignore[attr-defined]
        connections(4)
    card.unlink()
    with begin():  # type: ignore[attr-defined]
        connections(5)
    wait_until(lambda: sum('"stopped"' in heard.payload for heard in listener.heard()) >= 3)
    first, *same, other = came_as(mosquitto)
    assert re.fullmatch(f"presence-test-yard-{HEX8}", first)
    assert re.fullmatch(f"presence-test-yard-{HEX8}", other)
    assert (same, first == other) == ([first] * 3, False)
    told = "\n".join([*(f"{heard.topic} {heard.payload}" for heard in listener.heard()), caplog.text])
    assert "presence/v1/test/yard/info " in told
    assert [one for one in (first, other) if one[-8:] in told] == []
