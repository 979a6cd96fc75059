"""Restores state from the event log at start-up."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from functools import cache
from heapq import merge
from typing import TYPE_CHECKING, Any, get_args, get_origin

from agent.core import event as core
from agent.core.event_form import own_fields
from agent.core.frame import Instant
from agent.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from agent.eventlog.log import EventLog, StoredEvent

    # Of a value on the wire, the row's `ts` and the moment that this was.
    _Reader = Callable[[Any, str, Instant], Any]

# Two local days of 25 hours at the most are still to be summed up; visits that are open are younger.
_BACK_S = 50 * 3600.0
_MOST_EVENTS = 200_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RecoveredEvent:
    """An event read back.

    `epoch`: whether its monotonic clock is the present one or an earlier one; unknown: its clock was wrong,
    and by how much no later event says.
    """

    event: core.Event
    epoch: core.ClockEpoch


@dataclass(frozen=True, slots=True)
class RecoveredState:
    """What a log knows of the time before this start.

    Attributes:
        events: of the last days, oldest first; before them those that started what still lasted then. Read
            lazily, which may raise DamagedError and LogError.
        start: when the first event of the last days happened, if there are older ones.
        blind: the blindness that lasted then.
        last: the last moment at which the agent is known to have run, on the present clocks; None: the
            log is new.
        epoch: of that moment.
        boot, monotonic_s: of that moment, where its clock was not synchronised and another than the
            present one.
    """

    events: Iterable[RecoveredEvent]
    start: Instant | None = None
    blind: core.CameraBlind | None = None
    last: Instant | None = None
    epoch: core.ClockEpoch = "earlier_boot"
    boot: str | None = None
    monotonic_s: float = 0.0

    def at_that_time(self, events: Sequence[core.Event]) -> list[core.Event]:
        """Events of the last moment, on the monotonic clock of its own boot."""
        if self.boot is None or self.last is None:
            return list(events)
        shift_s = self.monotonic_s - self.last.monotonic_s
        moved = []
        for event in events:
            instants: dict[str, Any] = {
                each.name: replace(value, monotonic_s=value.monotonic_s + shift_s)
                for each in fields(event)
                if isinstance(value := getattr(event, each.name), Instant)
            }
            moved.append(replace(event, **instants))
        return moved


def alive_note(at: Instant, boot: str) -> str:
    """A moment as `EventLog.note_alive` keeps it."""
    row = {"ts": at.utc.isoformat(), "clock": "synced" if at.synced else "unsynced"}
    return json.dumps(row if at.synced else row | {"boot": boot, "mono_s": at.monotonic_s})


def recover(log: EventLog, now: Instant, boot: str, beside: Sequence[EventLog] = ()) -> RecoveredState:
    """Find what a start must know; its events are read as they are asked for, in an open log.

    Args:
        log: the event log.
        now: this moment.
        boot: the present boot.
        beside: logs that had some of the events of this time, while that one took none.

    Raises:
        DamagedError: the log holds what is no event; so may going through the events.
        LogError: it can't be read.
    """
    logs = (log, *beside)
    with _of_events(log):
        window = _window(logs)
        if window is None:
            return RecoveredState(())
        last = _last(log, _row(window.newest), beside)
        at = _instant(last, now, boot, {})
        is_unknown = _epoch(last, at, boot) == "unknown"
        first = window.firsts.get(0, log.last_seq + 1)
        older = log.last_intervals(first) if first > 1 else {}
        opened = [
            item
            for (_, interval), entry in older.items()
            if (item := _recovered(_row(entry), now, boot, {})) and _opens(item.event, interval)
        ]
        standing = [item for item in opened if item.event.OPENS and item.event.OPENS.of_rule]
        return RecoveredState(
            _Read(logs, window, standing, now, boot),
            # Also where the older ones are deleted.
            _instant(_row(window.oldest), now, boot, {}) if first > 1 else None,
            next((item.event for item in opened if isinstance(item.event, core.CameraBlind)), None),
            at,
            _epoch(last, at, boot),
            last["boot"] if is_unknown else None,
            last["mono_s"] if is_unknown else 0.0,
        )


def _opens(event: core.Event, interval: str) -> bool:
    """Whether it begins the interval of this name, which then lasts still if nothing came after it."""
    return event.OPENS is not None and event.OPENS.name == interval


@contextmanager
def _of_events(log: EventLog) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedError(
            f"the event log {log.path or 'in memory'} holds what is no event; "
            "move it away and a new one is started."
        ) from error


@dataclass(slots=True)
class _Window:
    """The last days of some logs, without what is in them.

    Attributes:
        newest, oldest: the last event and the first one.
        order: of which log each is, newest first.
        firsts: by log the number of the first event.
        offsets: by boot, UTC less the monotonic clock, as it turned out.
    """

    newest: StoredEvent
    oldest: StoredEvent
    order: bytearray = field(default_factory=bytearray)
    firsts: dict[int, int] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)


def _window(logs: Sequence[EventLog]) -> _Window | None:
    """Go back as far as a start must know; None: there is no event."""
    window: _Window | None = None
    newest_ms: int | None = None
    for entry, of in _newest(logs):
        # What is unsynced may say any time.
        if '"clock":"synced"' in entry.body:
            newest_ms = newest_ms or entry.ts_ms
            if (newest_ms - entry.ts_ms) / 1000 > _BACK_S:
                break
        window = window or _Window(entry, entry)
        if len(window.order) >= _MOST_EVENTS:
            break
        window.oldest = entry
        window.order.append(of)
        window.firsts[of] = entry.seq
        if core.ClockSet.TYPE in entry.body:
            row = _row(entry)
            if row["type"] == core.ClockSet.TYPE and row["clock"] == "synced":
                # The newest of a boot knows best.
                window.offsets.setdefault(row["boot"], row["offset_s"])
    return window


def _newest(logs: Sequence[EventLog]) -> Iterator[tuple[StoredEvent, int]]:
    """All events, newest first, and of which log they are."""

    def of(number: int) -> Iterator[tuple[StoredEvent, int]]:
        return ((entry, number) for entry in logs[number].newest())

    # One alone is in order, whatever its clock said.
    numbers = range(len(logs))
    return of(0) if len(logs) == 1 else merge(*map(of, numbers), key=lambda found: -found[0].ts_ms)


@dataclass(frozen=True, slots=True)
class _Read:
    """The events of a window, oldest first, read from the log again by each iteration."""

    logs: Sequence[EventLog]
    window: _Window
    standing: Sequence[RecoveredEvent]
    now: Instant
    boot: str

    def __iter__(self) -> Iterator[RecoveredEvent]:
        """Yield what events were; those that this version does not know, or not so, are left out."""
        yield from self.standing
        pages = {of: _from(self.logs[of], first) for of, first in self.window.firsts.items()}
        with _of_events(self.logs[0]):
            for of in reversed(self.window.order):
                if (entry := next(pages[of], None)) is None:
                    continue
                if item := _recovered(_row(entry), self.now, self.boot, self.window.offsets):
                    yield item


def _from(log: EventLog, seq: int) -> Iterator[StoredEvent]:
    """The events from a number on, oldest first."""
    while page := log.read(seq - 1, _AT_ONCE):
        yield from page
        seq = page[-1].seq + 1


def _last(log: EventLog, newest: dict[str, Any], beside: Sequence[EventLog]) -> dict[str, Any]:
    """The last that is known: an event, or a note made after it."""
    notes = [json.loads(each.alive or "null") for each in (log, *beside)]
    if not beside:
        return notes[0] or newest
    return max([newest, *filter(None, notes)], key=lambda row: datetime.fromisoformat(row["ts"]))


def _row(entry: StoredEvent) -> dict[str, Any]:
    row = json.loads(entry.body)
    if not isinstance(row, dict):
        raise TypeError(f"event {entry.seq} is a {type(row).__name__}")
    return row


def _recovered(
    row: dict[str, Any], now: Instant, boot: str, offsets: Mapping[str, float]
) -> RecoveredEvent | None:
    """Read an event; None: this version does not know its type or form.

    An unsynced time is corrected where an `agent.clock_set` of its boot has the offset.
    """
    kind = core.KINDS.get(row["type"])
    event = _event(kind, row, at := _instant(row, now, boot, offsets)) if kind else None
    return RecoveredEvent(event, _epoch(row, at, boot)) if event else None


def _epoch(row: Mapping[str, Any], at: Instant, boot: str) -> core.ClockEpoch:
    if row.get("boot") == boot:
        return "this_boot"
    return "earlier_boot" if at.synced else "unknown"


def _instant(row: Mapping[str, Any], now: Instant, boot: str, offsets: Mapping[str, float]) -> Instant:
    """The moment of a row, on the present clocks."""
    utc, synced = datetime.fromisoformat(row["ts"]), row["clock"] == "synced"
    if not synced and row["boot"] in offsets:
        utc, synced = datetime.fromtimestamp(row["mono_s"] + offsets[row["boot"]], UTC), True
    if row.get("boot") == boot and "mono_s" in row:
        return Instant(row["mono_s"], utc, synced)
    return Instant(now.monotonic_s - (now.utc - utc).total_seconds(), utc, synced)


def _event(kind: type[core.Event], row: Mapping[str, Any], at: Instant) -> core.Event | None:
    """The event of a row; None: it lacks what this version expects of its type."""
    if (rule := row.get("rule")) is None:
        return None
    values: dict[str, Any] = {"rule": rule, "at": at}
    readers = _readers(kind)  # type: ignore[arg-type]  # mypy: a class is hashable by its metaclass
    for name, word, is_optional, read in readers:
        value = row.get(word)
        if value is None and not is_optional:
            return None
        values[name] = value if value is None or read is None else read(value, row["ts"], at)
    return kind(**values)


@cache
def _readers(kind: type[core.Event]) -> tuple[tuple[str, str, bool, _Reader | None], ...]:
    """Name, word on the wire, whether it may be missing, and reader of each field; none is read as it is."""
    return tuple((each.name, each.word, each.is_optional, _reader(each.type)) for each in own_fields(kind))


def _reader(plain: Any) -> _Reader | None:  # noqa: ANN401 - any field's type
    """Make of a field's text or figures on the wire what it was in Python."""
    if plain is Instant:
        return _moment
    if plain is datetime or plain is date:
        return lambda value, _ts, _at: plain.fromisoformat(value)
    if get_origin(plain) is tuple:
        (part, *_) = get_args(plain)
        return lambda value, _ts, _at: tuple(part(**each) for each in value)
    return None


def _moment(value: str, ts: str, at: Instant) -> Instant:
    """A moment that lies about `ts`, which was `at`."""
    return at.shifted((datetime.fromisoformat(value) - datetime.fromisoformat(ts)).total_seconds())
