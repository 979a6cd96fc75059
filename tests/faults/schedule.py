"""Schedule of faults, made from a seed, so that a run can be repeated."""

from __future__ import annotations

import heapq
from random import Random
from typing import TYPE_CHECKING

from tests.faults.network import CABLES, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.network import Cable, Fault

# A half-open connection is found after 45 s at the latest: some faults, and some lives, are longer.
_SHORT_UP_S, _LONG_UP_S = (0.05, 3.5), (10.0, 60.0)
_SHORT_DOWN_S, _LONG_DOWN_S = (0.0, 0.4), (0.5, 4.0)
_SHORT_CUT_S, _LONG_CUT_S = (2.0, 10.0), (10.0, 60.0)
_CALM_S = (1.0, 8.0), (8.0, 13.0)
_TWENTY = 20


class Schedule:
    """Draws how long everything lasts.

    Of each twenty draws of one thing, one is from each twentieth of what is possible, in any order: so
    runs with other seeds take about as long.

    Attributes:
        lives: 1 for the long run; from start to kill and from kill to start it is shorter by this factor.
        cuts: the same for partitions and the time between.
        away: the broker stays away longer by this factor.
    """

    def __init__(self, seed: int, lives: float = 1.0, cuts: float = 1.0, away: float = 1.0) -> None:
        self._random = Random(seed)  # noqa: S311
        self._lives = lives
        self._cuts = cuts
        self._away = {"broker": away}
        self._ranks: dict[str, list[float]] = {}
        self._deck: list[tuple[Fault, tuple[Cable, ...]]] = []

    def life_s(self, name: str) -> float:
        """From a start to the kill; most are short, so that many hit while it still starts."""
        return self._drawn(f"life of {name}", 0.88, _SHORT_UP_S, _LONG_UP_S) / self._lives

    def death_s(self, name: str) -> float:
        """From a kill to the next start."""
        down_s = self._drawn(f"death of {name}", 0.85, _SHORT_DOWN_S, _LONG_DOWN_S)
        return down_s * self._away.get(name, 1.0) / self._lives

    def calm_s(self) -> float:
        """From the end of a partition to the next."""
        return self._drawn("calm", 0.5, *_CALM_S) / self._cuts

    def cut_s(self) -> float:
        """How long a partition lasts."""
        return self._drawn("cut", 0.7, _SHORT_CUT_S, _LONG_CUT_S) / self._cuts

    def partition(self) -> tuple[Fault, tuple[Cable, ...]]:
        """Next fault and its cables; each kind comes once before any comes again."""
        if not self._deck:
            cables: tuple[tuple[Cable, ...], ...] = (("agent",), ("agent",), ("receiver",), CABLES)
            self._deck = [(fault, self._random.choice(cables)) for fault in KINDS]
            self._random.shuffle(self._deck)
        return self._deck.pop()

    def _drawn(self, of: str, often: float, short: tuple[float, float], long: tuple[float, float]) -> float:
        ranks = self._ranks.setdefault(of, [])
        if not ranks:
            ranks += [(at + self._random.random()) / _TWENTY for at in range(_TWENTY)]
            self._random.shuffle(ranks)
        rank = ranks.pop()
        (low, high), rank = (short, rank / often) if rank < often else (long, (rank - often) / (1 - often))
        return low + (high - low) * rank


class Clockwork:
    """Faults by time; the caller gives the time."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, str]] = []
        self._count = 0

    def set(self, at_s: float, what: str) -> None:
        """This is due then."""
        self._count += 1
        heapq.heappush(self._due, (at_s, self._count, what))

    def due(self, now_s: float) -> Iterator[str]:
        """Faults that are due, in order."""
        while self._due and self._due[0][0] <= now_s:
            yield heapq.heappop(self._due)[2]

    @property
    def next_s(self) -> float:
        """When the next is due."""
        return self._due[0][0]
