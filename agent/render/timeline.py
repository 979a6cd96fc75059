"""Timeline of a day from its events: rows of spans and marks. Standard library only.

Times are UTC. Nothing is taken for granted of an event but that it is a JSON object: what a later version
says otherwise is left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Event = dict[str, Any]
Key = tuple[str, str]

KINDS = ("counter", "zone", "line")
# What can only be said by an agent that sees.
_SEEING = ("zone.entered", "line.crossed", "counter.attended")
_MOST_S = 4e9
_LONG_AGO, _FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class TimelineSpan:
    """Something that held from `begin` to before `end`; `label` is what, or why."""

    begin: datetime
    end: datetime
    label: str = ""


@dataclass(frozen=True, slots=True, order=True)
class TimelineMark:
    """Something that happened at one moment."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One rule's day.

    Attributes:
        kind: counter, zone or line.
        rule: its id.
        spans: visits of a zone, which may overlap; modes of a counter, which do not.
        marks: crossings (in, out) and after_hours.
    """

    kind: str
    rule: str
    spans: tuple[TimelineSpan, ...]
    marks: tuple[TimelineMark, ...]

    def number_of(self, label: str) -> int:
        """How many marks are called so."""
        return sum(mark.label == label for mark in self.marks)

    def seconds(self, label: str = "") -> float:
        """How long spans of this label last, each moment counted once."""
        return sum(
            (end - begin).total_seconds()
            for (begin, count), (end, _) in pairwise(steps([s for s in self.spans if s.label == label]))
            if count
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is known of the time from `begin` to before `end`; of what is after `now`, nothing.

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
    """Work out what held when.

    Args:
        events: oldest first, also those of a while before and after.
        begin: of the window.
        end: of the window.
        now: what is still open lasts until then.
        rules: kind by id of the rules that get a row in any case, in this order; others follow.
    """
    told = list(events)
    story = _Story(dict(rules), _offsets(told))
    for event in told:
        story.take(event)
    story.finish(min(end, now))
    return Timeline(
        begin,
        end,
        min(end, now),
        tuple(
            TimelineRow(
                kind,
                rule,
                _within(story.spans[rule], begin, end),
                tuple(mark for mark in story.marks[rule] if begin <= mark.at < end),
            )
            for kind in KINDS
            for rule, of_kind in story.rules.items()
            if of_kind == kind
        ),
        _within(story.blind, begin, end),
        _within(story.down, begin, end),
        tuple(mark for mark in story.marks[""] if begin <= mark.at < end),
    )


def steps(spans: Iterable[TimelineSpan]) -> list[tuple[datetime, int]]:
    """How many of the spans hold from each moment on; begins and ends with a change, and at 0."""
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
    """Something that began; `cut` is when the agent went without having closed it."""

    since: datetime
    label: str = ""
    cut: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What all events have; `what` is the last part of the type."""

    what: str
    rule: str
    at: datetime
    since: datetime
    fields: Event

    def text(self, name: str) -> str:
        return str(self.fields.get(name))

    def after(self, name: str) -> datetime:
        """So many seconds after `since`; else the moment of the event."""
        seconds = _number(self.fields.get(name))
        return self.at if seconds is None else self.since + timedelta(seconds=seconds)


@dataclass(slots=True)
class _Story:
    """What was read so far; `offsets` is UTC less monotonic seconds by boot, as it turned out."""

    rules: dict[str, str]
    offsets: dict[str, float]
    spans: dict[str, list[TimelineSpan]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[str, list[TimelineMark]] = field(default_factory=lambda: defaultdict(list))
    blind: list[TimelineSpan] = field(default_factory=list)
    down: list[TimelineSpan] = field(default_factory=list)
    visits: dict[Key, _Open] = field(default_factory=dict)
    modes: dict[str, _Open] = field(default_factory=dict)
    sight: _Open | None = None
    stopped: datetime | None = None
    last: datetime | None = None

    def take(self, event: Event) -> None:
        at = moment(event, "ts")
        if at is None:
            return
        kind = str(event.get("type"))
        of_kind, _, what = kind.partition(".")
        since, late = moment(event, "since") or at, self._late(event, at)
        # Until when the agent ran before was told by the clock of that time.
        said = _Said(
            what, str(event.get("rule")), at + late, since if kind == "agent.started" else since + late, event
        )
        if of_kind in KINDS:
            self.rules.setdefault(said.rule, of_kind)
        if self.sight and self.sight.cut and kind in _SEEING:
            self._see(self.sight.cut)
        hear = _HEARD.get(kind)
        if hear:
            hear(self, said)
        self.last = said.at

    def _late(self, event: Event, at: datetime) -> timedelta:
        """How far the clock was behind, where that is known by now."""
        offset_s, mono_s = self.offsets.get(str(event.get("boot"))), _number(event.get("mono_s"))
        if event.get("clock") != "unsynced" or offset_s is None or mono_s is None:
            return timedelta()
        return _LONG_AGO + timedelta(seconds=mono_s + offset_s) - at

    def finish(self, until: datetime) -> None:
        """End what is open."""
        if self.stopped:
            self._cut(self.stopped)
            self.down.append(TimelineSpan(self.stopped, until, "stopped"))
        for (rule, _), visit in self.visits.items():
            self.spans[rule].append(TimelineSpan(visit.since, visit.cut or until))
        for rule, mode in self.modes.items():
            self.spans[rule].append(TimelineSpan(mode.since, mode.cut or until, mode.label))
        self._see(self.stopped or until)

    def crossed(self, said: _Said) -> None:
        self.marks[said.rule].append(TimelineMark(said.at, said.text("direction")))

    def after_hours(self, said: _Said) -> None:
        self.marks[said.rule].append(TimelineMark(said.at, "after_hours"))

    def dropped(self, said: _Said) -> None:
        self.marks[""].append(TimelineMark(said.at, "dropped"))

    def entered(self, said: _Said) -> None:
        self.visits[said.rule, said.text("track")] = _Open(said.since)

    def left(self, said: _Said) -> None:
        # What was told at the beginning goes: the end knows it all.
        self.visits.pop((said.rule, said.text("track")), None)
        self.spans[said.rule].append(TimelineSpan(said.since, said.after("dwell_s")))

    def turned(self, said: _Said) -> None:
        since, before = said.since, self.modes.pop(said.rule, None)
        if before:
            # The event that ends a spell has the begin of the next one, or of the one it ends.
            end = before.cut or (since if since > before.since else said.at)
            self.spans[said.rule].append(TimelineSpan(before.since, end, before.label))
            since = max(since, end)
        if said.what != "closed" or said.text("why") in {"closed", "None"}:
            self.modes[said.rule] = _Open(since, said.what)

    def went_blind(self, said: _Said) -> None:
        self._see((self.sight and self.sight.cut) or said.since)
        self.sight = _Open(said.since, said.text("cause"))

    def restored(self, said: _Said) -> None:
        self.sight = _Open(said.since, said.text("cause"))
        self._see(said.after("blind_s"))

    def ended(self, said: _Said) -> None:
        self.stopped = said.at

    def started(self, said: _Said) -> None:
        ran_until = said.since if said.since < said.at else None
        gone = self.stopped or ran_until or self.last
        if said.text("cause") == "new_log":
            self.down.append(TimelineSpan(_LONG_AGO, said.at, "new_log"))
        elif gone:
            self.down.append(TimelineSpan(gone, said.at, "stopped" if self.stopped else "restarted"))
        self._cut(gone or said.at)
        self.stopped = None

    def _see(self, at: datetime) -> None:
        if self.sight:
            self.blind.append(TimelineSpan(self.sight.since, at, self.sight.label))
            self.sight = None

    def _cut(self, at: datetime) -> None:
        """The agent went: unless a closing event comes after all, everything ended then."""
        for spell in (*self.visits.values(), *self.modes.values(), *((self.sight,) if self.sight else ())):
            spell.cut = spell.cut or max(at, spell.since)


_HEARD = {
    "line.crossed": _Story.crossed,
    "zone.entered": _Story.entered,
    "zone.left": _Story.left,
    "counter.attended": _Story.turned,
    "counter.unattended": _Story.turned,
    "counter.closed": _Story.turned,
    "presence.after_hours": _Story.after_hours,
    "camera.blind": _Story.went_blind,
    "camera.restored": _Story.restored,
    "agent.started": _Story.started,
    "agent.stopped": _Story.ended,
    "events.dropped": _Story.dropped,
}


def _within(spans: Iterable[TimelineSpan], begin: datetime, end: datetime) -> tuple[TimelineSpan, ...]:
    """The parts in the window, in order; what has no length at all is left out."""
    return tuple(
        sorted(
            TimelineSpan(max(begin, span.begin), min(end, span.end), span.label)
            for span in spans
            if span.begin < min(end, span.end) and span.end > begin
        )
    )


def moment(event: Event, name: str) -> datetime | None:
    """What time a field of an event says."""
    try:
        at = datetime.fromisoformat(str(event.get(name)))
        at = at.astimezone(UTC) if at.tzinfo else _LONG_AGO
    except (ValueError, OverflowError):
        return None
    return at if _LONG_AGO < at < _FAR_OFF else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < _MOST_S else None


def _offsets(events: Iterable[Event]) -> dict[str, float]:
    """What the first clock_set of each boot found."""
    found: dict[str, float] = {}
    for event in events:
        offset_s = _number(event.get("offset_s"))
        if event.get("type") == "agent.clock_set" and offset_s is not None:
            found.setdefault(str(event.get("boot")), offset_s)
    return found
