"""Simulated agent: the messages of one place's device, in the order in which a real one publishes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

from agent.central.simulate.reports import LogBounds
from agent.central.simulate.scene import EPOCH, SimulatedScene, instant
from agent.core.event import CameraBlind, CameraRestored, EventsDropped
from agent.wire.payloads import StateNow, event_json, made_late, state_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

    from agent.central.simulate.people import PersonWay
    from agent.central.simulate.reports import Reports
    from agent.central.simulate.scene import SceneStep
    from agent.central.simulate.trouble import PlaceTroubles
    from agent.core.event import Event
    from agent.core.rule_state import State

SENT_AFTER_MS: Final = 120
"""So long after its moment an event is published, with a connection."""
_STATE_AFTER_MS = 130
_STATES_EVERY_MS = 1000
_LATE_MS = 30_000
_CONNECTED_AFTER_MS = 2500
# The broker's patience with a silent connection: one and a half times its keepalive.
_WILL_MS = 45_000
_HEALTH_MS = 60_000
_BACKLOG_MS = 8
_LEAST_TO_DROP = 12


@dataclass(frozen=True, slots=True)
class SimulatedMessage:
    """What an agent, or the broker for it, publishes at a moment, ms since 1970."""

    when_ms: int
    topic: str
    payload: str
    retain: bool


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in an agent's log."""

    seq: int
    ts_ms: int
    topic: str
    body: str


@dataclass(slots=True)
class _Connection:
    """Of an agent: whether it has one, its session, and what no broker has taken yet."""

    open: bool = False
    line_up: bool = True
    running: bool = False
    session: str = ""
    backlog: list[LoggedEvent] = field(default_factory=list)
    published_ms: dict[str, int] = field(default_factory=dict)
    due: set[str] = field(default_factory=set)


class SimulatedAgent:
    """One device: its scene, its log, its connection."""

    def __init__(
        self,
        reports: Reports,
        troubles: PlaceTroubles,
        random: Random,
        *,
        keep: bool = False,
        drops: bool = False,
    ) -> None:
        """Take who it is.

        Args:
            reports: what it says of itself: who it is, and its place.
            troubles: of its place.
            random: random numbers of its own.
            keep: remember all events, to answer who asks again.
            drops: lose a part of what an outage of the line holds back.
        """
        sender = reports.sender
        self.root = f"presence/v1/{sender.site}/{sender.device}"
        self.log_id = f"{random.getrandbits(32):08x}"
        self.events: list[LoggedEvent] = []
        self._reports = reports
        self._troubles, self._random, self._keep, self._drops = troubles, random, keep, drops
        self._bounds = LogBounds(self.log_id, 1, 0)
        self._connection = _Connection()
        self._states: dict[str, StateNow] = {}
        self._known: dict[str, tuple[State | None, str | None]] = {}
        self._order = count()
        self._due: list[tuple[int, int, SimulatedMessage | Callable[[int], None]]] = []

    def messages(
        self, days: Iterable[tuple[int, Iterable[PersonWay]]], end_ms: int
    ) -> Iterator[SimulatedMessage]:
        """Yield all that is published, in time order.

        Args:
            days: each with its local midnight, ms since 1970, and everybody's ways on it.
            end_ms: nothing is published from then on.
        """
        for start_ms, stop_ms in self._troubles.cut_off:
            self._at(start_ms, self._line_down)
            self._at(stop_ms, self._line_up)
        scene: SimulatedScene | None = None
        for midnight_ms, ways in days:
            if scene is None:
                start_ms = midnight_ms + self._random.randint(1000, 50_000)
                scene = SimulatedScene(
                    self._reports.plan, self._reports.working, self._troubles, self._random, start_ms
                )
            for step in scene.day(midnight_ms, ways):
                if step.at_ms >= end_ms:
                    break
                yield from self._until(step.at_ms)
                self._take(step, scene)
        yield from self._until(end_ms - 1)

    # --- what is due

    def _at(self, when_ms: int, what: SimulatedMessage | Callable[[int], None]) -> None:
        heappush(self._due, (when_ms, next(self._order), what))

    def _publish(self, when_ms: int, topic: str, payload: str, *, retain: bool = True) -> None:
        self._at(when_ms, SimulatedMessage(when_ms, f"{self.root}/{topic}", payload, retain))

    def _until(self, now_ms: int) -> Iterator[SimulatedMessage]:
        while self._due and self._due[0][0] <= now_ms:
            when_ms, _, what = heappop(self._due)
            if isinstance(what, SimulatedMessage):
                yield what
            else:
                what(when_ms)

    # --- steps of the scene

    def _take(self, step: SceneStep, scene: SimulatedScene) -> None:
        at_ms = step.at_ms
        for event in step.events:
            if isinstance(event, CameraBlind):
                self._reports.blind(event.cause, at_ms)
            elif isinstance(event, CameraRestored):
                self._reports.blind(None, at_ms)
        if step.kind == "started":
            self._reports.start(at_ms)
            self._reports.blind(None, at_ms)
            self._connection.running = True
        self._append(step.events, at_ms)
        if step.kind == "started":
            self._forget_states(at_ms)
            if self._connection.line_up:
                self._at(at_ms + _CONNECTED_AFTER_MS, self._connect)
            return
        if step.kind == "killed":
            self._connection.running = False
            self._lose(at_ms)
            return
        self._change_states(scene, at_ms)
        if step.kind == "stopped":
            self._connection.running = False
            self._sign_off(at_ms)

    def _append(self, events: Iterable[Event], at_ms: int) -> None:
        bounds = self._bounds
        for event in events:
            bounds.last_seq += 1
            body = event_json(event, self._reports.sender, self.log_id, bounds.last_seq)
            topic = f"event/{event.rule}/{event.TYPE.replace('.', '/')}"
            ts_ms = round((event.at.utc - EPOCH).total_seconds() * 1000)
            entry = LoggedEvent(bounds.last_seq, ts_ms, topic, body)
            if self._keep:
                self.events.append(entry)
            if self._connection.open:
                self._send(entry, at_ms + SENT_AFTER_MS)
            else:
                self._connection.backlog.append(entry)

    def _send(self, entry: LoggedEvent, when_ms: int) -> None:
        late = when_ms - entry.ts_ms > _LATE_MS
        self._publish(when_ms, entry.topic, made_late(entry.body) if late else entry.body, retain=False)

    # --- states

    def _forget_states(self, at_ms: int) -> None:
        """Nothing is known yet: the agent starts."""
        self._known.clear()
        at, seq = instant(at_ms), self._bounds.last_seq
        rules = self._reports.plan.rules(self._reports.working).rules
        self._states = {
            rule.rule_id: StateNow(rule.KIND, rule.rule_id, at, at, seq, None, "starting") for rule in rules
        }

    def _change_states(self, scene: SimulatedScene, at_ms: int) -> None:
        at, seq, connection = instant(at_ms), self._bounds.last_seq, self._connection
        for now in scene.states():
            if self._known.get(now.rule, (None, "starting")) == (now.value, now.why):
                continue
            self._known[now.rule] = now.value, now.why
            self._states[now.rule] = StateNow(now.kind, now.rule, now.since, at, seq, now.value, now.why)
            if connection.open and now.rule not in connection.due:
                connection.due.add(now.rule)
                next_ms = connection.published_ms.get(now.rule, 0) + _STATES_EVERY_MS
                self._at(max(at_ms + _STATE_AFTER_MS, next_ms), self._state_sender(now.rule))

    def _state_sender(self, rule: str) -> Callable[[int], None]:
        session = self._connection.session

        def send(when_ms: int) -> None:
            if session == self._connection.session and rule in self._connection.due:
                self._send_state(rule, when_ms)

        return send

    def _send_state(self, rule: str, when_ms: int) -> None:
        connection = self._connection
        connection.due.discard(rule)
        connection.published_ms[rule] = when_ms
        self._publish(
            when_ms, f"state/{rule}", state_json(self._states[rule], self.log_id, connection.session)
        )

    # --- the connection

    def _connect(self, at_ms: int) -> None:
        connection, bounds = self._connection, self._bounds
        if connection.open or not connection.running or not connection.line_up:
            return
        connection.open, connection.session = True, f"{self._random.getrandbits(32):08x}"
        connection.due.clear()
        self._drop(at_ms)
        backlog, connection.backlog = connection.backlog, []
        self._publish(at_ms, "info", self._reports.info(bounds, connection.session, at_ms))
        for rule in self._states:
            self._send_state(rule, at_ms + 20)
        self._publish(at_ms + 40, "status", self._reports.status(bounds, connection.session, at_ms, None))
        self._at(at_ms + 60, self._health_sender(connection.session))
        for number, entry in enumerate(backlog):
            self._send(entry, at_ms + 100 + number * _BACKLOG_MS)

    def _health_sender(self, session: str) -> Callable[[int], None]:
        def send(when_ms: int) -> None:
            if session == self._connection.session and self._connection.open:
                self._publish(when_ms, "health", self._reports.health(self._bounds, session, when_ms))
                self._at(when_ms + _HEALTH_MS, send)

        return send

    def _lose(self, at_ms: int) -> None:
        """The connection is gone, and the broker says so once its patience is over."""
        connection = self._connection
        if connection.open:
            connection.open = False
            connection.due.clear()
            self._publish(at_ms + _WILL_MS, "status", self._reports.will(self.log_id, connection.session))

    def _sign_off(self, at_ms: int) -> None:
        connection = self._connection
        if not connection.open:
            return
        for rule in self._states:
            self._send_state(rule, at_ms + _STATES_EVERY_MS)
        offline = self._reports.status(self._bounds, connection.session, at_ms, "stopped")
        self._publish(at_ms + _STATES_EVERY_MS + 20, "status", offline)
        connection.open = False
        connection.due.clear()

    def _line_down(self, at_ms: int) -> None:
        self._connection.line_up = False
        self._lose(at_ms)

    def _line_up(self, at_ms: int) -> None:
        self._connection.line_up = True
        self._connect(at_ms)

    def _drop(self, at_ms: int) -> None:
        """Lose the older half of what waited, where that is asked for, and say so."""
        backlog = self._connection.backlog
        if not self._drops or len(backlog) < _LEAST_TO_DROP:
            return
        gone = backlog[: len(backlog) // 2]
        del backlog[: len(gone)]
        first, last = gone[0].seq, gone[-1].seq
        self.events = [entry for entry in self.events if entry.seq > last]
        self._bounds.first_seq = last + 1
        dropped = EventsDropped(
            rule="agent", at=instant(at_ms), cause="keep_mb", from_seq=first, to_seq=last
        )  # fmt: skip
        self._connection.open = False
        self._append([dropped], at_ms)
        self._connection.open = True
