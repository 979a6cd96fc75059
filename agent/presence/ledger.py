"""Ledger of events: counters, after hours, summaries and every rule's state follow from it.

All of it is made from the events of cameras, lines and zones as they are reported, and from nothing else,
so that events, summaries and states cannot contradict each other, and a start can go on where the log ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.core.event import CameraBlind, CameraRestored
from agent.presence.after_hours import AfterHoursRule
from agent.presence.camera import CameraRule
from agent.presence.clock import ClockRule
from agent.presence.kinds import PRESENCE_KINDS
from agent.presence.rule_set import arranged
from agent.presence.states import RuleStates
from agent.presence.summary import Summaries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from agent.core.event import AgentStarted, ClockEpoch, ClockSet, EndedWhy, Event
    from agent.core.frame import Instant
    from agent.core.track import Track
    from agent.core.visibility import Visibility
    from agent.presence.aggregate import Aggregate
    from agent.presence.rule_set import RuleSet
    from agent.presence.settings import RuleSettings
    from agent.presence.states import RuleState


@dataclass(slots=True)
class _State:
    """All that changes in a ledger.

    Attributes:
        rules: that the settings have now.
        gone: rules of before this start that the settings no longer have, while something of them is open.
        visibility: at the last frame; None: there was none yet.
        seen_from: since when the camera sees, without a sign of blindness; None: it does not.
    """

    rules: RuleSet
    after_hours: AfterHoursRule
    summaries: Summaries
    states: RuleStates = field(default_factory=RuleStates)
    clock: ClockRule = field(default_factory=ClockRule)
    camera: CameraRule = field(default_factory=CameraRule)
    gone: dict[str, Aggregate] = field(default_factory=dict)
    visibility: Visibility | None = None
    seen_from: Instant | None = None


class Ledger:
    """Takes the rules' events of each frame, and the camera's visibility, and adds what follows from them."""

    def __init__(self, settings: RuleSettings) -> None:
        self._state = _started(settings)

    def reset(self) -> None:
        """Forget all events; the settings stay."""
        self._state = _started(self._state.rules.settings)

    def change(
        self, settings: RuleSettings, reported: Sequence[Event], at: Instant, moved: Collection[str] = ()
    ) -> list[Event]:
        """Go on by other settings; what is open in rules that are still there stays open.

        Args:
            settings: from now on.
            reported: the closing events of rules that are no longer there.
            at: now.
            moved: ids of rules that lie elsewhere now.

        Returns:
            `reported` with what follows from the change, in order.
        """
        state, before = self._state, self._state.rules
        events = list(self._applied(reported))
        for rule in before.ended_by(settings):
            events += self._applied(rule.close(at, at, "stopped"))
        state.rules = rules = arranged(settings, before, at)
        gone = [
            aggregate
            for name, aggregate in before.aggregates.items()
            if rules.aggregates.get(name) is not aggregate
        ]
        events += state.summaries.end(gone, at)
        for aggregate in gone:
            state.states.forget(aggregate.rule)
        _connect(state, at)
        for rule_id in moved:
            rules.rules[rule_id].move(at)
        state.states.recount()
        self._update_states(at)
        return events

    # --- from frame to frame

    def update(
        self, reported: Sequence[Event], tracks: Sequence[Track], visibility: Visibility, at: Instant
    ) -> list[Event]:
        """Take what the rules report of a frame.

        Args:
            reported: events of lines and zones, in order.
            tracks: the persons now present.
            visibility: of the camera at this frame.
            at: when the frame was taken.

        Returns:
            `reported` with all that follows, in order.
        """
        state = self._state
        events: list[Event] = []
        believed_s = state.clock.believed_s
        for change in state.clock.update(at):
            self._set_clock(change, None if believed_s is None else change.offset_s - believed_s, at)
            events.append(change)
        state.visibility = visibility
        # That the camera is blind goes before the visits that end by it.
        events += self._applied(state.camera.update(visibility, at, somebody=bool(reported)))
        events += self._applied(reported)
        # On a first sign of blindness that nobody is seen says nothing; nor at a start in the dark.
        if visibility.cause or state.camera.blind:
            state.seen_from = None
        elif not visibility.suspected:
            state.seen_from = state.seen_from or at
        self._settle(at)
        if visibility.cause is None:
            state.summaries.watch(at)
            # That nobody is seen on a first sign of blindness does not make a counter unattended.
            judged = state.seen_from and not visibility.suspected
            for rule in state.rules.following if judged else ():
                events += self._applied(rule.update(at))
            events += state.after_hours.update(reported, tracks, at)
        else:
            for rule in state.rules.following:
                events += self._applied(rule.close(visibility.since, at, "blind"))
        events += state.summaries.update(at)
        self._update_states(at)
        return events

    @property
    def blindness(self) -> CameraBlind | None:
        """The blindness that was reported and is not over; None: there is none."""
        return self._state.camera.blindness

    def close(self, reported: Sequence[Event], at: Instant, why: EndedWhy) -> list[Event]:
        """Take the last events of the rules.

        Args:
            reported: the closing events of lines and zones, in order.
            at: now.
            why: what ends them.

        Returns:
            `reported` with the closing events of the rules that follow them.
        """
        events = list(self._applied(reported))
        for rule in self._state.rules.following:
            events += self._applied(rule.close(at, at, why))
        # That every visit ends with the agent does not say that nobody is there.
        self._state.states.stop(at)
        return events

    def finish(self, at: Instant) -> list[Event]:
        """The summaries of the quarters and days that have started: nothing more will ever come."""
        return list(self._state.summaries.finish(at))

    def apply(self, event: Event, epoch: ClockEpoch = "this_boot") -> None:
        """Count an event."""
        state = self._state
        aggregate = state.rules.aggregates.get(event.rule)
        if aggregate:
            aggregate.apply(event, epoch)
        state.summaries.apply(event, epoch)

    # --- from start to start

    def replay_history(
        self, events: Iterable[tuple[Event, ClockEpoch]], start: Instant | None, blind: CameraBlind | None
    ) -> None:
        """Apply the events of before this start.

        Args:
            events: oldest first, each with its epoch.
            start: when the oldest was reported, where there are older ones that are not given.
            blind: the blindness that was open then.
        """
        state = self._state
        if start:
            state.summaries.resume_from(start, blind=blind is not None)
        openers = _openers()
        for event, epoch in events:
            if event.rule not in state.rules.aggregates and (kind := openers.get(type(event))):
                state.gone.setdefault(event.rule, kind(event.rule)).apply(event, epoch)
            self.apply(event, epoch)
            if isinstance(event, CameraBlind):
                blind = event
            elif isinstance(event, CameraRestored):
                blind = None
            if epoch == "this_boot":
                state.clock.replay(event.at)
        state.camera.resume(blind)

    def close_open(self, last: Instant, epoch: ClockEpoch) -> list[Event]:
        """Close all that the run before left open, also of rules that are no longer there.

        Args:
            last: the last moment that is known of that run.
            epoch: of that moment.

        Returns:
            The closing events, which a start reports first.
        """
        events: list[Event] = []
        gone = self._state.gone
        for aggregate in [*self._state.rules.aggregates.values(), *gone.values()]:
            for event in aggregate.closings(last):
                aggregate.apply(event, epoch)
                events.append(event)
        gone.clear()
        return events

    def start(self, started: AgentStarted) -> list[Event]:
        """The event that a start reports next: the agent runs."""
        self.apply(started)
        return [started]

    # --- states

    def states(self) -> Iterator[RuleState]:
        """The state of each rule after the last update; nothing before the first."""
        return self._state.states.now(self._state.rules)

    def _update_states(self, at: Instant) -> None:
        state = self._state
        state.states.update(state.rules, state.visibility, at, sees=state.seen_from is not None)

    def _settle(self, at: Instant) -> None:
        """Let the rules know how long the camera sees."""
        seen_from, visibility = self._state.seen_from, self._state.visibility
        suspected = visibility is not None and visibility.suspected
        for rule in self._state.rules.settling:
            rule.settle(seen_from, at, suspected=suspected)

    def _set_clock(self, change: ClockSet, step_s: float | None, at: Instant) -> None:
        state = self._state
        for aggregate in state.rules.aggregates.values():
            aggregate.set_clock(change.offset_s)
        state.summaries.set_clock(change.offset_s, step_s, at)
        state.states.recount()

    def _applied(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.apply(event)
            yield event


def _started(settings: RuleSettings) -> _State:
    """The state of a ledger without any events."""
    state = _State(arranged(settings), AfterHoursRule(settings.hours), Summaries(settings.hours))
    _connect(state, None)
    return state


def _connect(state: _State, at: Instant | None) -> None:
    """Give the rules that there are to what looks at all of them; `at` None: at the start."""
    rules, hours = state.rules, state.rules.settings.hours
    state.after_hours.change(tuple(rules.zones()), hours, at)
    state.summaries.change(rules.waits(), hours, at)


def _openers() -> dict[type[Event], type[Aggregate]]:
    """Of what kind of rule each event is that starts or ends something, by the kind's aggregate."""
    return {
        event: kind.aggregate
        for kind in PRESENCE_KINDS
        for event in kind.events
        if event.OPENS or event.CLOSES
    }
