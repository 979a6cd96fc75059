"""Timeline of a day from its events: rows of spans and marks. Standard library only.

Times are UTC. Of an event only that it is a JSON object is relied on: unknown fields and values of a later
version are left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from agent.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Event = dict[str, Any]
Key = tuple[str, str]

_MOST_S = 4e9
_LONG_AGO, _FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class TimelineSpan:
    """State from `begin` to before `end`; `label` is its name or cause."""

    begin: datetime
    end: datetime
    label: str = ""


@dataclass(frozen=True, slots=True, order=True)
class TimelineMark:
    """Event at one moment."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One rule's day.

    Attributes:
        kind: of the rule: counter, zone, line or one that is registered.
        rule: its id.
        spans: visits of a zone, which may overlap; modes of a counter, which do not.
        marks: crossings (in, out), after_hours, overstayed and crowded.
    """

    kind: str
    rule: str
    spans: tuple[TimelineSpan, ...]
    marks: tuple[TimelineMark, ...]

    def number_of(self, label: str) -> int:
        """Number of marks with this label."""
        return sum(mark.label == label for mark in self.marks)

    def seconds(self, label: str = "") -> float:
        """Total duration of the spans with this label, seconds; where they overlap it counts once."""
        return sum(
            (end - begin).total_seconds()
            for (begin, count), (end, _) in pairwise(steps([s for s in self.spans if s.label == label]))
            if count
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows from `begin` to before `end`; nothing is known of the time after `now`.

    Attributes:
        blind: when the camera could not see, labelled with the cause.
        down: when the agent did not run, labelled stopped, restarted or new_log.
        marks: what concerns no rule: `dropped` where events were lost.
    """

    begin: datetime
    end: datetime
    now: datetime
    rows: tuple[TimelineRow, ...]
    blind: tuple[TimelineSpan, ...]
    down: tuple[TimelineSpan, ...]
    marks: tuple[TimelineMark, ...]


def timeline(
    events: Iterable[Event], begin: datetime, end: datetime, now: datetime, rules: Mapping[str, str]
) -> Timeline:
    """Build the timeline of a window from events.

    Args:
        events: oldest first, also those of some hours before and after the window.
        begin: of the window, UTC.
        end: of the window, UTC.
        now: until when open intervals last, UTC.
        rules: kind by id of the rules that get a row in any case, in this order; others follow.
    """
    listed = list(events)
    history = History(dict(rules), _offsets(listed))
    for event in listed:
        history.apply(event)
    history.finish(min(end, now))
    return Timeline(
        begin,
        end,
        min(end, now),
        tuple(
            TimelineRow(
                kind,
                rule,
                _within(history.spans[rule], begin, end),
                tuple(mark for mark in history.marks[rule] if begin <= mark.at < end),
            )
            for kind in ROW_KINDS.ids
            for rule, of_kind in history.rules.items()
            if of_kind == kind
        ),
        _within(history.blind, begin, end),
        _within(history.down, begin, end),
        tuple(mark for mark in history.marks[""] if begin <= mark.at < end),
    )


def steps(spans: Iterable[TimelineSpan]) -> list[tuple[datetime, int]]:
    """Number of spans that hold from each moment of change on; the last number is 0."""
    changes: dict[datetime, int] = defaultdict(int)
    for span in spans:
        changes[span.begin] += 1
        changes[span.end] -= 1
    count, found = 0, []
    for at in sorted(changes):
        count += changes[at]
        found.append((at, count))
    return found


@dataclass(slots=True)
class _Open:
    """Open interval; `cut`: when the agent stopped without having closed it."""

    since: datetime
    label: str = ""
    cut: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """Fields that all events have; `what` is the last part of the type."""

    what: str
    rule: str
    at: datetime
    since: datetime
    fields: Event

    def text(self, name: str) -> str:
        """A field as text."""
        return str(self.fields.get(name))

    def after(self, name: str) -> datetime:
        """The moment a field's number of seconds after `since`; without the field, that of the event."""
        seconds = _number(self.fields.get(name))
        return self.at if seconds is None else self.since + timedelta(seconds=seconds)


@dataclass(slots=True)
class History:
    """State after the events so far; `offsets`: UTC minus monotonic seconds by boot."""

    rules: dict[str, str]
    offsets: dict[str, float]
    spans: dict[str, list[TimelineSpan]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[str, list[TimelineMark]] = field(default_factory=lambda: defaultdict(list))
    blind: list[TimelineSpan] = field(default_factory=list)
    down: list[TimelineSpan] = field(default_factory=list)
    visits: dict[Key, _Open] = field(default_factory=dict)
    modes: dict[str, _Open] = field(default_factory=dict)
    blindness: _Open | None = None
    stopped: datetime | None = None
    last: datetime | None = None

    def apply(self, event: Event) -> None:
        """Take the next event."""
        at = moment(event, "ts")
        if at is None:
            return
        kind = str(event.get("type"))
        of_kind, _, what = kind.partition(".")
        since, late = moment(event, "since") or at, self._late(event, at)
        # `since` of agent.started is by the clock of the run before, so it is not corrected.
        parsed = ParsedEvent(
            what, str(event.get("rule")), at + late, since if kind == "agent.started" else since + late, event
        )
        row = ROW_KINDS.get(of_kind)
        if row:
            self.rules.setdefault(parsed.rule, of_kind)
        if self.blindness and self.blindness.cut and row and kind in row.seeing:
            self._end_blindness(self.blindness.cut)
        handle = (row.handlers if row else _HANDLERS).get(kind)
        if handle:
            handle(self, parsed)
        self.last = parsed.at

    def _late(self, event: Event, at: datetime) -> timedelta:
        """Correction of an event with an unsynchronised clock; 0 where it is not known."""
        offset_s, mono_s = self.offsets.get(str(event.get("boot"))), _number(event.get("mono_s"))
        if event.get("clock") != "unsynced" or offset_s is None or mono_s is None:
            return timedelta()
        return _LONG_AGO + timedelta(seconds=mono_s + offset_s) - at

    def finish(self, until: datetime) -> None:
        """End all open intervals."""
        if self.stopped:
            self._cut(self.stopped)
            self.down.append(TimelineSpan(self.stopped, until, "stopped"))
        for (rule, _), visit in self.visits.items():
            self.spans[rule].append(TimelineSpan(visit.since, visit.cut or until))
        for rule, mode in self.modes.items():
            self.spans[rule].append(TimelineSpan(mode.since, mode.cut or until, mode.label))
        self._end_blindness(self.stopped or until)

    def crossed(self, parsed: ParsedEvent) -> None:
        """Mark the moment with the direction."""
        self.marks[parsed.rule].append(TimelineMark(parsed.at, parsed.text("direction")))

    def after_hours(self, parsed: ParsedEvent) -> None:
        """Mark the moment."""
        self.marks[parsed.rule].append(TimelineMark(parsed.at, "after_hours"))

    def told(self, parsed: ParsedEvent) -> None:
        """Mark the moment with what the type ends with."""
        self.marks[parsed.rule].append(TimelineMark(parsed.at, parsed.what))

    def dropped(self, parsed: ParsedEvent) -> None:
        """Mark the moment, of no rule."""
        self.marks[""].append(TimelineMark(parsed.at, "dropped"))

    def entered(self, parsed: ParsedEvent) -> None:
        """Open the visit of a track; without tracks, the one that there is."""
        self.visits[parsed.rule, parsed.text("track")] = _Open(parsed.since)

    def left(self, parsed: ParsedEvent) -> None:
        """End the visit that `entered` opened."""
        # The closing event has the whole visit.
        self.visits.pop((parsed.rule, parsed.text("track")), None)
        self.spans[parsed.rule].append(TimelineSpan(parsed.since, parsed.after("dwell_s")))

    def turned(self, parsed: ParsedEvent) -> None:
        """Go over to the mode that the type ends with; what was before is over."""
        since, before = parsed.since, self.modes.pop(parsed.rule, None)
        if before:
            # `since` of the event that ends an interval is the start of the next one, or of the one it ends.
            end = before.cut or (since if since > before.since else parsed.at)
            self.spans[parsed.rule].append(TimelineSpan(before.since, end, before.label))
            since = max(since, end)
        if parsed.what != "closed" or parsed.text("why") in {"closed", "None"}:
            self.modes[parsed.rule] = _Open(since, parsed.what)

    def went_blind(self, parsed: ParsedEvent) -> None:
        """Open a blindness."""
        self._end_blindness((self.blindness and self.blindness.cut) or parsed.since)
        self.blindness = _Open(parsed.since, parsed.text("cause"))

    def restored(self, parsed: ParsedEvent) -> None:
        """End the blindness."""
        self.blindness = _Open(parsed.since, parsed.text("cause"))
        self._end_blindness(parsed.after("blind_s"))

    def ended(self, parsed: ParsedEvent) -> None:
        """Note that the agent stopped."""
        self.stopped = parsed.at

    def started(self, parsed: ParsedEvent) -> None:
        """Note that the agent started; before, it was down."""
        ran_until = parsed.since if parsed.since < parsed.at else None
        gone = self.stopped or ran_until or self.last
        if parsed.text("cause") == "new_log":
            self.down.append(TimelineSpan(_LONG_AGO, parsed.at, "new_log"))
        elif gone:
            self.down.append(TimelineSpan(gone, parsed.at, "stopped" if self.stopped else "restarted"))
        self._cut(gone or parsed.at)
        self.stopped = None

    def _end_blindness(self, at: datetime) -> None:
        if self.blindness:
            self.blind.append(TimelineSpan(self.blindness.since, at, self.blindness.label))
            self.blindness = None

    def _cut(self, at: datetime) -> None:
        """Note that the agent stopped: open intervals end then unless a closing event comes after all."""
        blindness = (self.blindness,) if self.blindness else ()
        for interval in (*self.visits.values(), *self.modes.values(), *blindness):
            interval.cut = interval.cut or max(at, interval.since)


@dataclass(frozen=True, slots=True)
class RowKind:
    """How the events of a kind of rule make its row.

    Attributes:
        kind_id: of the kind, with which the types of its events begin.
        handlers: by the type of an event, what it does to the history; the others do nothing.
        seeing: types that only an agent with visibility sends.
    """

    kind_id: str
    handlers: Mapping[str, Callable[[History, ParsedEvent], None]]
    seeing: tuple[str, ...] = ()


ROW_KINDS: Final = Registry(
    lambda kind: kind.kind_id,
    (
        RowKind(
            "counter",
            {
                "counter.attended": History.turned,
                "counter.unattended": History.turned,
                "counter.closed": History.turned,
            },
            ("counter.attended",),
        ),
        RowKind(
            "zone",
            {
                "zone.entered": History.entered,
                "zone.left": History.left,
                "zone.overstayed": History.told,
                "zone.crowded": History.told,
            },
            ("zone.entered",),
        ),
        RowKind("line", {"line.crossed": History.crossed}, ("line.crossed",)),
    ),
)
"""In the order of their rows."""
# Of events of no kind of rule.
_HANDLERS = {
    "presence.after_hours": History.after_hours,
    "camera.blind": History.went_blind,
    "camera.restored": History.restored,
    "agent.started": History.started,
    "agent.stopped": History.ended,
    "events.dropped": History.dropped,
}


def _within(spans: Iterable[TimelineSpan], begin: datetime, end: datetime) -> tuple[TimelineSpan, ...]:
    """Parts of the spans in the window, in order; without those of no length."""
    return tuple(
        sorted(
            TimelineSpan(max(begin, span.begin), min(end, span.end), span.label)
            for span in spans
            if span.begin < min(end, span.end) and span.end > begin
        )
    )


def moment(event: Event, name: str) -> datetime | None:
    """Time in a field of an event, UTC; None: there is none, or it is absurd."""
    try:
        at = datetime.fromisoformat(str(event.get(name)))
        at = at.astimezone(UTC) if at.tzinfo else _LONG_AGO
    except (ValueError, OverflowError):
        return None
    return at if _LONG_AGO < at < _FAR_OFF else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < _MOST_S else None


def _offsets(events: Iterable[Event]) -> dict[str, float]:
    """UTC minus monotonic seconds by boot, from the first agent.clock_set of each."""
    found: dict[str, float] = {}
    for event in events:
        offset_s = _number(event.get("offset_s"))
        if event.get("type") == "agent.clock_set" and offset_s is not None:
            found.setdefault(str(event.get("boot")), offset_s)
    return found
