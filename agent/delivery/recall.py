"""Events as the log has them, made into what they were: how a start takes up where the log ends."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, date, datetime
from heapq import merge
from typing import TYPE_CHECKING, Any

from agent.core import event as core
from agent.core.frame import Instant
from agent.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.delivery.event_log import Entry, EventLog

# Fields that hold a moment of UTC, and those whose names on the wire are words of Python.
_DATETIMES = ("start", "end", "first_in", "last_out")
_WORDS = {"in": "in_count", "out": "out_count", "max": "max_count"}
# Fields that an event may be without.
_OPTIONAL = ("waiting", "first_in", "last_out")
_KINDS: dict[str, type[core.Event]] = {
    kind.TYPE: kind
    for kind in vars(core).values()
    if isinstance(kind, type) and issubclass(kind, core.Event) and "TYPE" in vars(kind)
}


# What of a rule may still hold that was told longer ago than is read back.
_STANDING = (core.ZoneOccupied, core.CounterAttended, core.CounterUnattended)
# Two local days of 25 hours at the most are still to be summed up; visits that are open are younger.
_BACK_S = 50 * 3600.0
_MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Recalled:
    """An event read back.

    `era`: whether its monotonic clock is the present one, an earlier one, or whether it is not known when
    it was: its clock was wrong, and nobody tells by how much.
    """

    event: core.Event
    era: core.Era


@dataclass(frozen=True, slots=True)
class Memory:
    """What a log knows of the time before this start.

    Attributes:
        events: of the last days, oldest first; before them those that told what still held then.
        begin: when the first of the last days was told, if there are older ones.
        blind: the spell of blindness that was open then.
        last: the last moment at which the agent is known to have run, on the present clocks; None: the
            log is new.
        era: of that moment.
        boot, monotonic_s: of that moment, where its clock was not synchronised and another than the
            present one.
    """

    events: tuple[Recalled, ...]
    begin: Instant | None = None
    blind: core.CameraBlind | None = None
    last: Instant | None = None
    era: core.Era = "past"
    boot: str | None = None
    monotonic_s: float = 0.0

    def at_that_time(self, told: Sequence[core.Event]) -> list[core.Event]:
        """Events of the last moment, on the monotonic clock of its own boot."""
        if self.boot is None or self.last is None:
            return list(told)
        shift_s = self.monotonic_s - self.last.monotonic_s
        moved = []
        for event in told:
            instants: dict[str, Any] = {
                field.name: replace(value, monotonic_s=value.monotonic_s + shift_s)
                for field in fields(event)
                if isinstance(value := getattr(event, field.name), Instant)
            }
            moved.append(replace(event, **instants))
        return moved


def alive_note(at: Instant, boot: str) -> str:
    """A moment as `EventLog.note_alive` keeps it."""
    row = {"ts": at.utc.isoformat(), "clock": "synced" if at.synced else "unsynced"}
    return json.dumps(row if at.synced else row | {"boot": boot, "mono_s": at.monotonic_s})


def remembered(log: EventLog, now: Instant, boot: str, beside: Sequence[EventLog] = ()) -> Memory:
    """Read what a start must know.

    Args:
        log: the event log.
        now: this moment.
        boot: the present boot.
        beside: logs that had some of the events of this time, while that one took none.

    Raises:
        DamagedError: the log holds what is no event.
        LogError: it can't be read.
    """
    entries: list[Entry] = []
    newest_ms: int | None = None
    own: list[int] = []
    for entry, of in _newest((log, *beside)):
        # What is unsynced may say any time.
        if '"clock":"synced"' in entry.body:
            newest_ms = newest_ms or entry.ts_ms
            if (newest_ms - entry.ts_ms) / 1000 > _BACK_S:
                break
        if len(entries) >= _MOST_EVENTS:
            break
        entries.append(entry)
        if of is log:
            own.append(entry.seq)
    if not entries:
        return Memory(())
    try:
        rows = [_row(entry) for entry in reversed(entries)]
        told = tuple(_recalled(rows, now, boot))
        last = _last(log, rows[-1], beside)
        at = _instant(last, now, boot, {})
        foreign = _era(last, at, boot) == "nowhere"
        first = own[-1] if own else log.last_seq + 1
        older = log.last_spells(first) if first > 1 else []
        spells = tuple(_recalled([_row(entry) for entry in older], now, boot))
        return Memory(
            (*(item for item in spells if isinstance(item.event, _STANDING)), *told),
            # Also where the older ones are deleted.
            _instant(rows[0], now, boot, {}) if first > 1 else None,
            next((item.event for item in spells if isinstance(item.event, core.CameraBlind)), None),
            at,
            _era(last, at, boot),
            last["boot"] if foreign else None,
            last["mono_s"] if foreign else 0.0,
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedError(
            f"the event log {log.path or 'in memory'} holds what is no event; "
            "move it away and a new one is begun."
        ) from error


def _newest(logs: Sequence[EventLog]) -> Iterator[tuple[Entry, EventLog]]:
    """All events, newest first, and of which log they are."""

    def of(log: EventLog) -> Iterator[tuple[Entry, EventLog]]:
        return ((entry, log) for entry in log.newest())

    # One alone is in order, whatever its clock said.
    return of(logs[0]) if len(logs) == 1 else merge(*map(of, logs), key=lambda found: -found[0].ts_ms)


def _last(log: EventLog, newest: dict[str, Any], beside: Sequence[EventLog]) -> dict[str, Any]:
    """The last that is known: an event, or a note made after it."""
    notes = [json.loads(each.alive or "null") for each in (log, *beside)]
    if not beside:
        return notes[0] or newest
    return max([newest, *filter(None, notes)], key=lambda row: datetime.fromisoformat(row["ts"]))


def _row(entry: Entry) -> dict[str, Any]:
    row = json.loads(entry.body)
    if not isinstance(row, dict):
        raise TypeError(f"event {entry.seq} is a {type(row).__name__}")
    return row


def _recalled(rows: Sequence[dict[str, Any]], now: Instant, boot: str) -> Iterator[Recalled]:
    """What events were; those that this version does not know, or does not know so, are left out.

    What was unsynced is put right where a later `agent.clock_set` of its boot tells by how much.
    """
    offsets = {
        row["boot"]: row["offset_s"]
        for row in rows
        if row["type"] == core.ClockSet.TYPE and row["clock"] == "synced"
    }
    for row in rows:
        kind = _KINDS.get(row["type"])
        event = _event(kind, row, at := _instant(row, now, boot, offsets)) if kind else None
        if event:
            yield Recalled(event, _era(row, at, boot))


def _era(row: Mapping[str, Any], at: Instant, boot: str) -> core.Era:
    if row.get("boot") == boot:
        return "present"
    return "past" if at.synced else "nowhere"


def _instant(row: Mapping[str, Any], now: Instant, boot: str, offsets: Mapping[str, float]) -> Instant:
    """When a row was told, on the present clocks."""
    utc, synced = datetime.fromisoformat(row["ts"]), row["clock"] == "synced"
    if not synced and row["boot"] in offsets:
        utc, synced = datetime.fromtimestamp(row["mono_s"] + offsets[row["boot"]], UTC), True
    if row.get("boot") == boot and "mono_s" in row:
        return Instant(row["mono_s"], utc, synced)
    return Instant(now.monotonic_s - (now.utc - utc).total_seconds(), utc, synced)


def _event(kind: type[core.Event], row: Mapping[str, Any], at: Instant) -> core.Event | None:
    """The event of a row; None: it lacks what this version expects of its type."""
    told = datetime.fromisoformat(row["ts"])
    named = {_WORDS.get(name, name): value for name, value in row.items()}
    values: dict[str, Any] = {"at": at}
    for field in fields(kind):
        value = named.get(field.name)
        if field.name == "at":
            continue
        if value is None:
            if field.default is MISSING and field.name not in _OPTIONAL:
                return None
            values[field.name] = None
        elif field.name == "since":
            values["since"] = at.shifted((datetime.fromisoformat(value) - told).total_seconds())
        elif field.name in _DATETIMES:
            values[field.name] = datetime.fromisoformat(value)
        elif field.name == "date":
            values["date"] = date.fromisoformat(value)
        elif field.name == "periods":
            values["periods"] = tuple(core.PeriodCrossings(**period) for period in value)
        else:
            values[field.name] = value
    return kind(**values)
