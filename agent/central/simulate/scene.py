"""Scenes of one made-up place: people's ways through the agent's own rules and ledger.

There is a frame once a minute, and whenever something happens or may have to be told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

from agent.central.simulate.trouble import DAY_MS
from agent.core.event import AgentStarted, AgentStopped, CameraBlind, CameraRestored, LineCrossed
from agent.core.frame import Instant
from agent.core.geometry import Zone
from agent.core.track import Track
from agent.core.visibility import Visibility
from agent.presence.ledger import Ledger
from agent.presence.zone import ZoneRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random

    from agent.central.simulate.people import PersonWay
    from agent.central.simulate.plan import PlacePlan
    from agent.central.simulate.trouble import Absence, BlindSpell, PlaceTroubles
    from agent.core.event import ClockEpoch, Event, StartCause
    from agent.presence.hours import WorkingTime
    from agent.presence.states import RuleState

StepKind = Literal["started", "frame", "stopped", "killed"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PX: Final = 1000.0
_HEIGHT_PX: Final = 200.0
# Feet that are in no zone.
_OUTSIDE: Final = (500.0, 50.0)
# A second look outside, a moment later, makes sure that somebody left.
_AWAY_MS, _GONE_MS = 500, 1600
# So long somebody who crosses a line is in the picture before and after.
_PASS_MS: Final = 2000
_TICK_MS: Final = 60_000
_HISTORY_MS: Final = 2 * DAY_MS
# So much later than it may be told that a desk is left it surely is.
_SURELY_MS: Final = 3300


@dataclass(frozen=True, slots=True)
class SceneStep:
    """One frame of a scene, or a start or an end of its agent, with the events of it."""

    at_ms: int
    kind: StepKind
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Walk:
    """A way, from the first frame that it is followed at to the first that it is not; ms since 1970."""

    first_ms: int
    gone_ms: int
    midnight_ms: int
    way: PersonWay


@dataclass(slots=True)
class _Followed:
    """Track of a walk."""

    track_id: str
    first_ms: int
    last_ms: int


class SimulatedScene:
    """A place's rules and ledger, across days, troubles and restarts."""

    def __init__(
        self, plan: PlacePlan, hours: WorkingTime, troubles: PlaceTroubles, random: Random, start_ms: int
    ) -> None:
        """Take the place.

        Args:
            plan: its rules.
            hours: its working hours.
            troubles: its blind spells and absences.
            random: random numbers of this place.
            start_ms: when its agent starts for the first time, ms since 1970.
        """
        self._settings = plan.rules(hours)
        self._counter, self._hours, self._random = plan.counter, hours, random
        self._zones = [_laid(zone) for zone in plan.zones]
        self._feet = {zone.zone_id: _middle(zone) for zone in self._zones}
        self._dwell_ms = {zone.zone_id: round(zone.min_dwell_s * 1000) for zone in plan.zones}
        self._blind, self._blind_starts = troubles.blind, [spell.start_ms for spell in troubles.blind]
        self._absences = troubles.absences
        self._start_ms = start_ms
        self._running = False
        self._numbers = 0
        self._prefix = ""
        self._followed: dict[int, _Followed] = {}
        self._history: deque[tuple[int, Event]] = deque()
        self._forgot = False
        self._blind_before: CameraBlind | None = None
        self.ledger = Ledger(self._settings)
        self._rules = [ZoneRule(zone) for zone in self._zones]

    def states(self) -> Iterator[RuleState]:
        """What is known of each rule after the last step."""
        return self.ledger.states()

    def day(self, midnight_ms: int, ways: Iterable[PersonWay]) -> Iterator[SceneStep]:
        """Yield the steps of a day, in order.

        Args:
            midnight_ms: its local midnight, ms since 1970.
            ways: everybody's, in ms of the day.
        """
        walks = sorted((_walk(way, midnight_ms) for way in ways), key=lambda walk: walk.first_ms)
        crossings: dict[int, list[tuple[int, str, Literal["in", "out"]]]] = {}
        for number, walk in enumerate(walks):
            for at_ms, line, direction in walk.way.crossings:
                crossings.setdefault(midnight_ms + at_ms, []).append((number, line, direction))
        moments = sorted(set(self._moments(walks, midnight_ms)))
        starts_and_ends = self._starts_and_ends(midnight_ms)
        self._followed.clear()
        active: list[int] = []
        coming = 0
        for at_ms in moments:
            while starts_and_ends and starts_and_ends[0][0] <= at_ms:
                yield self._start_or_end(*starts_and_ends.pop(0))
            while coming < len(walks) and walks[coming].first_ms <= at_ms:
                active.append(coming)
                coming += 1
            active = [number for number in active if walks[number].gone_ms > at_ms]
            if self._running and (judged := self._judge(at_ms)):
                tracks = [] if judged.cause else [self._track(walks[i], i, at_ms) for i in active]
                crossed = crossings.get(at_ms, ())
                yield self._frame(at_ms, judged, tracks, crossed)

    # --- moments

    def _moments(self, walks: Iterable[_Walk], midnight_ms: int) -> Iterator[int]:
        """When something happens, or may have to be told."""
        end_ms = midnight_ms + DAY_MS
        yield from range(midnight_ms, end_ms, _TICK_MS)
        late_ms = round(self._counter.unattended_after_s * 1000) + _SURELY_MS if self._counter else 0
        for walk in walks:
            yield walk.gone_ms
            for at_ms, _, _ in walk.way.crossings:
                yield midnight_ms + at_ms
            for zone, start_ms, stop_ms in walk.way.stays:
                yield from (
                    midnight_ms + start_ms,
                    midnight_ms + min(start_ms + self._dwell_ms[zone], stop_ms),
                    midnight_ms + stop_ms,
                    midnight_ms + stop_ms + _AWAY_MS,
                    midnight_ms + stop_ms + _GONE_MS,
                )
                if late_ms:
                    yield midnight_ms + stop_ms + late_ms
        for spell in self._blind:
            yield from (
                moment for moment in (spell.start_ms, spell.told_ms, spell.end_ms)
                if midnight_ms <= moment < end_ms
            )  # fmt: skip
        for absence in self._absences:
            if midnight_ms <= absence.end_ms < end_ms:
                yield absence.end_ms + 1000
        day = self._hours.date_of(EPOCH + timedelta(milliseconds=midnight_ms))
        for period in self._hours.periods(day):
            opens_ms, closes_ms = (_ms(moment) for moment in (period.start, period.end))
            yield from (opens_ms, opens_ms + late_ms, closes_ms)

    def _starts_and_ends(self, midnight_ms: int) -> list[tuple[int, StepKind, Absence | None]]:
        end_ms = midnight_ms + DAY_MS
        found: list[tuple[int, StepKind, Absence | None]] = [(self._start_ms, "started", None)]
        for absence in self._absences:
            found.append((absence.start_ms, "killed" if absence.killed else "stopped", absence))
            found.append((absence.end_ms, "started", absence))
        return sorted((one for one in found if midnight_ms <= one[0] < end_ms), key=lambda one: one[0])

    # --- frames

    def _judge(self, at_ms: int) -> Visibility | None:
        """The camera's visibility; None: on a first sign of blindness nothing is judged."""
        number = bisect_right(self._blind_starts, at_ms) - 1
        spell: BlindSpell | None = self._blind[number] if number >= 0 else None
        if spell is None or at_ms >= spell.end_ms or at_ms == spell.start_ms:
            return Visibility(None, instant(at_ms))
        if at_ms < spell.told_ms:
            return None
        return Visibility(spell.cause, instant(spell.start_ms))

    def _frame(
        self,
        at_ms: int,
        visibility: Visibility,
        tracks: Sequence[Track],
        crossed: Iterable[tuple[int, str, Literal["in", "out"]]],
    ) -> SceneStep:
        at = instant(at_ms)
        events: list[Event] = []
        if visibility.cause:
            self._followed.clear()
            for rule in self._rules:
                events += rule.close(at, "blind")
        else:
            events += [
                LineCrossed(
                    rule=line,
                    at=at,
                    direction=direction,
                    track=self._followed[number].track_id,
                    confidence=round(self._random.uniform(0.5, 0.97), 2),
                )
                for number, line, direction in crossed
            ]
            for rule in self._rules:
                events += rule.update(tracks, at)
        return SceneStep(at_ms, "frame", self._noted(self.ledger.update(events, tracks, visibility, at)))

    def _track(self, walk: _Walk, number: int, at_ms: int) -> Track:
        now_ms, feet, seen = at_ms - walk.midnight_ms, _OUTSIDE, True
        for zone, start_ms, end_ms in walk.way.stays:
            if start_ms <= now_ms <= end_ms:
                feet = self._feet[zone]
            elif now_ms > end_ms and not walk.way.seen_leaving and walk.gone_ms - at_ms <= _GONE_MS:
                feet, seen = self._feet[zone], False
        followed = self._followed.get(number)
        if followed is None:
            self._numbers += 1
            followed = _Followed(f"t{self._prefix}-{self._numbers}", at_ms, at_ms)
            self._followed[number] = followed
        elif seen:
            followed.last_ms = at_ms
        x, y = feet
        box = (x - 40.0, y - _HEIGHT_PX, x + 40.0, y)
        return Track(
            followed.track_id, box, feet, 0.8, followed.first_ms / 1000, followed.last_ms / 1000
        )  # fmt: skip

    # --- starts and ends

    def _start_or_end(self, at_ms: int, kind: StepKind, absence: Absence | None) -> SceneStep:
        at = instant(at_ms)
        if kind == "killed":
            self._running = False
            return SceneStep(at_ms, kind, ())
        if kind == "stopped":
            self._running = False
            closing = [event for rule in self._rules for event in rule.close(at, "stopped")]
            events = [*self.ledger.close(closing, at, "stopped")]
            events.append(AgentStopped(rule="agent", at=at, cause="signal"))
            return SceneStep(at_ms, kind, self._noted(events))
        self._running = True
        self._prefix = f"{self._random.getrandbits(16):04x}"
        self._followed.clear()
        if absence is None:
            started = AgentStarted(rule="agent", at=at, cause="new_log")
            return SceneStep(at_ms, kind, self._noted(self.ledger.start(started)))
        return SceneStep(at_ms, kind, self._restarted(at, absence))

    def _restarted(self, at: Instant, absence: Absence) -> tuple[Event, ...]:
        """Go on where the log ends, as an agent does at its start."""
        newest_ms = self._history[-1][0]
        # The log notes once a minute that the agent is alive.
        last_ms = max(newest_ms, absence.start_ms - absence.start_ms % _TICK_MS)
        last = instant(last_ms if absence.killed else newest_ms)
        epoch: ClockEpoch = "earlier_boot" if absence.killed else "this_boot"
        cause: StartCause = "restarted" if absence.killed else "started"
        self.ledger = ledger = Ledger(self._settings)
        self._rules = [ZoneRule(zone) for zone in self._zones]
        oldest = instant(self._history[0][0]) if self._forgot else None
        ledger.replay_history(((event, epoch) for _, event in self._history), oldest, self._blind_before)
        closed = self._noted(ledger.close_open(last, epoch))
        started = AgentStarted(rule="agent", at=at, cause=cause, since=last)
        return (*closed, *self._noted(ledger.start(started)))

    def _noted(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Remember what a later start reads back."""
        some = tuple(events)
        for event in some:
            self._history.append((_ms(event.at.utc), event))
        while self._history and self._history[0][0] < self._history[-1][0] - _HISTORY_MS:
            _, old = self._history.popleft()
            self._forgot = True
            if isinstance(old, CameraBlind):
                self._blind_before = old
            elif isinstance(old, CameraRestored):
                self._blind_before = None
        return some


def instant(at_ms: int) -> Instant:
    """A moment on both clocks, from ms since 1970; the monotonic one never restarts."""
    return Instant(at_ms / 1000, EPOCH + timedelta(milliseconds=at_ms))


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _laid(zone: Zone) -> Zone:
    polygon = tuple((x * _PX, y * _PX) for x, y in zone.polygon)
    return Zone(zone.zone_id, polygon, zone.min_dwell_s, zone.overstay_s, zone.crowd, zone.crowd_after_s)


def _middle(zone: Zone) -> tuple[float, float]:
    xs, ys = zip(*zone.polygon, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def _walk(way: PersonWay, midnight_ms: int) -> _Walk:
    firsts = chain((at - _PASS_MS for at, _, _ in way.crossings), (start for _, start, _ in way.stays))
    ends = chain((at + _PASS_MS for at, _, _ in way.crossings), (end + _GONE_MS for _, _, end in way.stays))
    return _Walk(midnight_ms + min(firsts), midnight_ms + max(ends), midnight_ms, way)
