"""Several intervals of one rule that last: none of them hides another, in the log or in its notes."""

# No `annotations` of the future: the wire form is made of the events' annotations.
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from agent.core import event_fields as of
from agent.core.event import KINDS, Event, ZoneEntered, ZoneOccupied, ZoneVacated
from agent.core.event_form import Interval
from agent.core.frame import Instant
from agent.eventlog.log import EventLog
from agent.eventlog.recovery import recover
from tests.builders import make_at
from tests.samples import SENDER, make_entered

BOOT, HOUR_S = "601deb03", 3600.0
NOW = make_at(200 * HOUR_S)
BUSTLE = Interval("bustle", lasts=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bustled(Event):
    """It is busy in a zone."""

    TYPE: ClassVar[str] = "zone.bustled"
    OPENS: ClassVar[Interval | None] = BUSTLE
    since: of.Since


@dataclass(frozen=True, slots=True, kw_only=True)
class Calmed(Event):
    """It is no longer."""

    TYPE: ClassVar[str] = "zone.calmed"
    CLOSES: ClassVar[Interval | None] = BUSTLE
    since: of.Since


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    with KINDS.extended(Bustled, Calmed):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def at(hour: float) -> dict[str, Instant]:
    return {"at": make_at(hour * HOUR_S), "since": make_at(hour * HOUR_S)}


def occupied(hour: float) -> Event:
    return ZoneOccupied(rule="hall", **at(hour))


def vacated(hour: float) -> Event:
    return ZoneVacated(rule="hall", **at(hour), occupied_s=60.0, why="seen")


def bustled(hour: float) -> Event:
    return Bustled(rule="hall", **at(hour))


def calmed(hour: float) -> Event:
    return Calmed(rule="hall", **at(hour))


def young() -> Iterator[Event]:
    """Enough, and young enough, that a start reads nothing from before."""
    return (make_entered(n, make_at((100 + n) * HOUR_S)) for n in range(100))


def standing(path: Path) -> list[Event]:
    with EventLog(SENDER, path) as log:
        return [
            item.event for item in recover(log, NOW, BOOT).events if not isinstance(item.event, ZoneEntered)
        ]


CASES = [
    ([occupied(1), bustled(2)], ["zone.occupied", "zone.bustled"]),
    # The busy hours come and go while it stays occupied.
    ([occupied(1), bustled(2), calmed(3), bustled(4), calmed(5)], ["zone.occupied"]),
    ([bustled(1), occupied(2), vacated(3)], ["zone.bustled"]),
    ([occupied(1), bustled(2), vacated(3), calmed(4)], []),
    ([occupied(1), vacated(2), occupied(3), bustled(4), calmed(5), bustled(6)],
     ["zone.occupied", "zone.bustled"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "open_"), CASES)
@pytest.mark.parametrize("deleted", [0, 1, 2, 3, 4, 5, 6, 50])
def test_each_interval_that_was_begun_is_known(
    path: Path, before: list[Event], open_: list[str], deleted: int
) -> None:
    with EventLog(SENDER, path) as log:
        log.append([*before, *young()])
        # Through every number of them, so that notes and events each have some.
        log.delete(deleted)
    assert [event.TYPE for event in standing(path)] == open_


def test_note_of_the_first_release_is_read_and_outdated(path: Path) -> None:
    with EventLog(SENDER, path) as log:
        log.append([occupied(1), *young()])
        (entry,) = log.read(0, 1)
        log.delete(1)
    with closing(sqlite3.connect(path)) as db:
        # As it wrote them: by the rule alone.
        db.execute("DELETE FROM meta WHERE key GLOB 'spell.*'")
        db.execute("INSERT INTO meta VALUES ('spell.hall', ?)", (json.dumps(astuple(entry)),))
        db.commit()
    assert standing(path) == [occupied(1)]
    with EventLog(SENDER, path) as log:
        later = (make_entered(n, make_at((203 + n) * HOUR_S)) for n in range(100))
        log.append([vacated(201), bustled(202), *later])
        log.delete(120)
    assert [event.TYPE for event in standing(path)] == ["zone.bustled"]
