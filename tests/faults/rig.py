"""Agent, broker and receiver, killed and cut off by a schedule; lost and double events are counted."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Protocol

from tests.faults.network import KINDS
from tests.faults.processes import Role, wait_until
from tests.faults.schedule import Clockwork, Schedule
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.faults.network import Cable, Fault, Network

_LOOK_S = 0.2
_END_S = 30.0
_SETTLED_S = 300.0
_TELL_S = 60.0
_AWAY = 10.0
# More than a megabyte of events, which a small log keeps.
_OVERFULL = 4000
# As the subscriber says it.
_SUBSCRIBED = "connected to the broker"
ROLES = ("agent", "broker", "receiver")


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of the events of a run.

    Attributes:
        appended: acknowledged to whoever made them.
        stored: different ones in the receiver's store.
        gaps: numbers that the receiver has not.
        dropped: declared so by the agent, and not stored.
        gone: neither stored nor declared, but below the first number that the agent told it has: deleted
            after a broker had acknowledged it.
        lost: in the agent's log once, and nothing at all tells of it.
        stored_twice: in the store more than once.
        differing: stored with other words than the agent's log has.
        came_twice: doubles that came to the receiver and were told apart; None: nobody counts.
        replays: asked for by the receiver.
    """

    appended: int
    stored: int
    gaps: int
    dropped: int
    gone: int
    lost: int
    stored_twice: int
    differing: int
    came_twice: int | None
    replays: int | None


class Kit(Protocol):
    """The agent and the receiver that are tried."""

    def broker(self, *, persistence: bool) -> Sequence[str | Path]:
        """Starts the broker between them."""

    @property
    def agent(self) -> Sequence[str | Path]:
        """Starts the agent; with `--rate N` it makes events, without it none."""

    @property
    def receiver(self) -> Sequence[str | Path]:
        """Starts the receiver."""

    def hush(self, agent: Role) -> None:
        """Have an agent that makes no more events, and says so in its way."""

    def appended(self) -> int:
        """How many events were acknowledged by now."""

    def kept(self) -> tuple[int, int]:
        """The first and the last number in the agent's log; asked only where the log is small."""

    def settled(self, since: datetime) -> bool:
        """Whether the receiver, by its own view, has all; asked when an agent is there since then."""

    def tally(self) -> Tally:
        """Count, when all is over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything there must be.

    Attributes:
        rate: events a second while the agent runs, on average.
        within_s: the faults end then at the latest; what is missing by then makes the run a failure.
        lives: they are shorter by this factor.
        cuts: the same for partitions and the time between.
        small_log: events must be dropped, while the broker is away for longer.
    """

    events: int
    kills: int
    partitions: int
    seed: int
    rate: float
    within_s: float
    persistence: bool
    lives: float = 1.0
    cuts: float = 1.0
    small_log: bool = False

    @property
    def orderly(self) -> bool:
        """Whether the broker is ended in order, so that it loses nothing that it acknowledged.

        An agent whose log is small can't give that once more: with it, exactly what is told is missing.
        """
        return self.small_log and self.persistence


@dataclass(slots=True)
class Outcome:
    """Faults of a run and their result."""

    plan: Plan
    tally: Tally
    kills: dict[str, int]
    ends: dict[str, int]
    partitions: dict[str, int]
    storm_s: float
    settling_s: float
    saves: int
    trouble: list[str] = field(default_factory=list)


class Rig:
    """One run."""

    def __init__(
        self, kit: Kit, plan: Plan, folder: Path, network: Network, tell: Callable[[str], None]
    ) -> None:
        self._kit = kit
        self._plan = plan
        self._network = network
        self._tell = tell
        away = _AWAY if plan.small_log else 1.0
        self._schedule = Schedule(plan.seed, plan.lives, plan.cuts, away)
        self._random = Random(plan.seed + 1)  # noqa: S311
        self._clockwork = Clockwork()
        broker = kit.broker(persistence=plan.persistence)
        self._roles = {
            "agent": Role("agent", [*network.inside("agent"), *kit.agent], folder),
            "broker": Role("broker", [*network.inside("broker"), *broker], folder),
            "receiver": Role("receiver", [*network.inside("receiver"), *kit.receiver], folder),
        }
        self._cut: tuple[Fault, tuple[Cable, ...]] | None = None
        self._partitions = dict.fromkeys(KINDS.values(), 0)
        self._saves = 0

    def run(self) -> Outcome:
        """All of it: the storm, the calm after it, the count."""
        trouble: list[str] = []
        try:
            storm_s = self._storm(trouble)
            kills, ends = (
                {name: getattr(role, word) for name, role in self._roles.items()}
                for word in ("kills", "ends")
            )
            settling_s = self._settle(trouble)
        finally:
            for role in self._roles.values():
                role.look()
                role.end(_END_S)
        trouble += [ended for role in self._roles.values() for ended in role.ended]
        return Outcome(
            plan=self._plan,
            tally=self._kit.tally(),
            kills=kills,
            ends=ends,
            partitions=self._partitions,
            storm_s=storm_s,
            settling_s=settling_s,
            saves=self._saves,
            trouble=trouble,
        )

    def _storm(self, trouble: list[str]) -> float:
        begin_s = time.monotonic()
        self._turn("receiver")
        self._turn("broker")
        if self._plan.orderly:
            # What nobody has subscribed to yet is acknowledged too.
            receiver = self._roles["receiver"]
            wait_until(lambda: _SUBSCRIBED in receiver.said(), PATIENCE_S, "the receiver has subscribed")
        self._turn("agent")
        if self._plan.small_log:
            self._overfill()
        self._clockwork.set(begin_s + self._schedule.calm_s(), "cable")
        tell_at_s = begin_s + _TELL_S
        while not self._enough():
            now_s = time.monotonic()
            if now_s > begin_s + self._plan.within_s:
                trouble.append(f"the faults were not all there after {self._plan.within_s:.0f} s")
                break
            for what in self._clockwork.due(now_s):
                self._turn(what)
            if now_s >= tell_at_s:
                tell_at_s += _TELL_S
                self._tell(f"{now_s - begin_s:5.0f} s  {self._so_far()}")
            time.sleep(max(0.0, min(_LOOK_S, self._clockwork.next_s - time.monotonic())))
        return time.monotonic() - begin_s

    def _overfill(self) -> None:
        """Keep the broker away until events were dropped, and then the event too that tells of these."""
        self._down("broker")
        wait_until(self._kit.appended, PATIENCE_S, "the agent makes events")
        mark = 1
        for _ in range(2):
            enough = self._kit.kept()[1] + _OVERFULL
            wait_until(lambda enough=enough: self._kit.kept()[1] >= enough, PATIENCE_S, "the log is too full")  # type: ignore[misc]
            # It looks at a start, and each hour.
            self._down("agent")
            self._roles["agent"].start("--rate", str(self._plan.rate))
            wait_until(lambda mark=mark: self._kit.kept()[0] > mark, PATIENCE_S, "events are dropped")  # type: ignore[misc]
            mark = self._kit.kept()[1]

    def _down(self, name: str) -> None:
        """Kill one, or, where it is to lose nothing that it acknowledged, end it."""
        if name == "broker" and self._plan.orderly:
            self._roles[name].end(_END_S)
        else:
            self._roles[name].kill()

    def _so_far(self) -> str:
        kills = ", ".join(f"{name} {role.kills}" for name, role in self._roles.items())
        return f"{self._kit.appended()} events; kills: {kills}; partitions: {sum(self._counted())}"

    def _counted(self) -> list[int]:
        # A slow cable is none: it is there beside them.
        return [number for kind, number in self._partitions.items() if kind != "slow"]

    def _enough(self) -> bool:
        plan = self._plan
        return (
            all(role.kills + role.ends >= plan.kills for role in self._roles.values())
            and sum(self._counted()) >= plan.partitions
            and self._kit.appended() >= plan.events
        )

    def _turn(self, what: str) -> None:
        """What was up goes down, and the other way round."""
        now_s = time.monotonic()
        if what == "cable":
            self._turn_cable(now_s)
        elif what == "save":
            self._save()
        elif self._roles[what].running:
            self._down(what)
            self._clockwork.set(now_s + self._schedule.death_s(what), what)
        else:
            self._roles[what].start(*(("--rate", str(self._plan.rate)) if what == "agent" else ()))
            life_s = self._schedule.life_s(what)
            self._clockwork.set(now_s + life_s, what)
            if what == "broker" and self._plan.persistence and self._random.random() < 1 / 4:
                self._clockwork.set(now_s + self._random.uniform(0.0, life_s), "save")

    def _save(self) -> None:
        """What its autosave does each half hour, sooner: the next one starts with what is old by then."""
        self._saves += self._roles["broker"].signal(signal.SIGUSR1)

    def _turn_cable(self, now_s: float) -> None:
        if self._cut:
            self._mend()
            self._clockwork.set(now_s + self._schedule.calm_s(), "cable")
            return
        fault, cables = self._cut = self._schedule.partition()
        for cable in cables:
            self._network.begin(fault, cable)
        self._partitions[KINDS[fault]] += 1
        self._clockwork.set(now_s + self._schedule.cut_s(), "cable")

    def _mend(self) -> None:
        if self._cut:
            fault, cables = self._cut
            for cable in cables:
                self._network.end(fault, cable)
        self._cut = None

    def _settle(self, trouble: list[str]) -> float:
        """Nothing goes wrong any more; it is over when the receiver says so."""
        self._mend()
        begin_s = time.monotonic()
        self._roles["broker"].start()
        self._roles["receiver"].start()
        since = datetime.now(UTC)
        self._kit.hush(self._roles["agent"])
        while not self._kit.settled(since):
            for role in self._roles.values():
                role.start()
            if time.monotonic() - begin_s > _SETTLED_S:
                trouble.append(f"the receiver does not say that it has all after {_SETTLED_S:.0f} s")
                break
            time.sleep(_LOOK_S)
        return time.monotonic() - begin_s


def table(outcomes: dict[str, Outcome]) -> str:
    """Runs side by side."""
    rows: dict[str, list[str]] = {}

    def row(name: str, value: Callable[[Outcome], object]) -> None:
        rows[name] = [
            "-"
            if (found := value(outcome)) is None
            else f"{found:,}"
            if isinstance(found, int)
            else str(found)
            for outcome in outcomes.values()
        ]

    rows[""] = list(outcomes)
    row("events appended (acknowledged)", lambda outcome: outcome.tally.appended)
    row("stored at the receiver", lambda outcome: outcome.tally.stored)
    row("numbers that are not there", lambda outcome: outcome.tally.gaps)
    row("declared dropped", lambda outcome: outcome.tally.dropped)
    row("told by first_seq alone", lambda outcome: outcome.tally.gone)
    row("LOST", lambda outcome: outcome.tally.lost)
    row("lost of the appended", lambda outcome: f"{outcome.tally.lost / max(1, outcome.tally.appended):.1%}")
    row("doubles after de-duplication", lambda outcome: outcome.tally.stored_twice)
    row("differing from the agent's log", lambda outcome: outcome.tally.differing)
    row("doubles received", lambda outcome: outcome.tally.came_twice)
    row("replays asked", lambda outcome: outcome.tally.replays)
    for name in ROLES:
        row(f"kill -9 of the {name}", lambda outcome, name=name: outcome.kills[name])  # type: ignore[misc]
    if any(outcome.plan.orderly for outcome in outcomes.values()):
        row("orderly ends of the broker", lambda outcome: outcome.ends["broker"])
    for kind in dict.fromkeys(KINDS.values()):
        row(f"partitions: {kind}", lambda outcome, kind=kind: outcome.partitions[kind])  # type: ignore[misc]
    row("saves of the broker", lambda outcome: outcome.saves)
    row("seconds of faults", lambda outcome: round(outcome.storm_s))
    row("seconds until the receiver had all", lambda outcome: f"{outcome.settling_s:.1f}")
    widths = [max(len(cells[at]) for cells in rows.values()) for at in range(len(outcomes))]
    first = max(map(len, rows))
    return "\n".join(
        f"{name:{first}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in rows.items()
    )
