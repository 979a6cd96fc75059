"""The store's own walls, whatever the receiver knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.delivery.central.hearing import Happened, heard
from agent.delivery.central.store import Store
from tests.delivery.central.saying import AGENT, happened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "central.db") as opened:
        yield opened


def test_store_is_durable(store: Store) -> None:
    # What is acknowledged to the broker is there after a power cut.
    assert store.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_event_is_never_altered(store: Store) -> None:
    (thing,) = (heard(message) for message in happened(7))
    assert isinstance(thing, Happened)
    other = Happened(
        AGENT, thing.log, thing.seq, thing.type, thing.rule, thing.ts, late=True, body="{}", replay=None,
        dropped=None,
    )  # fmt: skip
    with store.transaction():
        store.put_events([thing])
    before = store.rows("SELECT * FROM event")
    with store.transaction():
        store.put_events([other, thing])
    assert list(store.rows("SELECT * FROM event")) == list(before)
