"""Ways of citizens and staff through the places of a made-up office on one day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from agent.core.event import Direction

_MIN: Final = 60_000
_HOUR: Final = 60 * _MIN


@dataclass(slots=True)
class PersonWay:
    """One person before one camera, from coming into the picture to leaving it; times are ms of the day.

    Attributes:
        crossings: when, over which line, in which direction.
        stays: in which zone, from the first to the last sighting there; in order, apart.
        seen_leaving: False: the camera loses them.
    """

    crossings: list[tuple[int, str, Direction]] = field(default_factory=list)
    stays: list[tuple[str, int, int]] = field(default_factory=list)
    seen_leaving: bool = True


@dataclass(frozen=True, slots=True)
class OfficeDay:
    """What decides who comes on a day.

    Attributes:
        periods: of the one-stop counter, ms of the day; none: a day off.
        citizens, staff: how many come.
    """

    periods: Sequence[tuple[int, int]]
    citizens: int
    staff: int


class DayPlan:
    """Everybody's ways on one day, by the name of the place; the same random numbers make the same ways."""

    def __init__(self, day: OfficeDay, random: Random) -> None:
        """Take who comes, and the random numbers of this office and date."""
        self._day, self._random = day, random
        self.ways: dict[str, list[PersonWay]] = defaultdict(list)

    def fill(self) -> dict[str, list[PersonWay]]:
        """Make them."""
        for number in range(self._day.staff if self._day.periods else 0):
            self._staff(number)
        for _ in range(self._day.citizens if self._day.periods else 0):
            self._citizen()
        self._guard()
        if not self._day.periods and self._chance(0.3):
            self._overtime()
        return self.ways

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _way(self, place: str) -> PersonWay:
        way = PersonWay(seen_leaving=self._chance(0.85))
        self.ways[place].append(way)
        return way

    def _cross(self, place: str, at_ms: int, line: str, direction: Direction) -> None:
        self._way(place).crossings.append((at_ms, line, direction))

    def _stay(self, place: str, zone: str, start_ms: int, end_ms: int) -> PersonWay:
        way = self._way(place)
        way.stays.append((zone, start_ms, end_ms))
        return way

    def _around(self, mean_ms: int, spread_ms: int, least_ms: int, most_ms: int) -> int:
        return min(max(round(self._random.gauss(mean_ms, spread_ms)), least_ms), most_ms)

    # --- citizens

    def _citizen(self) -> None:
        random = self._random
        start_ms, end_ms = random.choice(self._day.periods)
        peak_ms = start_ms + 50 * _MIN
        at_ms = self._around(peak_ms, 55 * _MIN, start_ms - 12 * _MIN, end_ms - 25 * _MIN)
        rides = self._chance(0.7)
        self._cross("gate", at_ms, "main", "in")
        at_ms += random.randint(15_000, 40_000)
        if rides:
            at_ms = self._park(at_ms, "in")
        at_ms += random.randint(20_000, 60_000)
        to = self._at_counter if self._chance(0.75) else self._at_reception
        at_ms = to(at_ms, end_ms)
        at_ms += random.randint(20_000, 90_000)
        if rides:
            at_ms = self._park(at_ms, "out")
        self._cross("gate", at_ms + random.randint(10_000, 40_000), "main", "out")

    def _park(self, at_ms: int, direction: Direction) -> int:
        """Cross the yard's line and be among the vehicles for a moment; return when that is over."""
        random = self._random
        way, stay_ms = self._way("parking"), random.randint(8_000, 100_000)
        if direction == "in":
            way.crossings.append((at_ms, "exit", direction))
            way.stays.append(("rows", at_ms + 4_000, at_ms + 4_000 + stay_ms))
        else:
            way.stays.append(("rows", at_ms, at_ms + stay_ms))
            way.crossings.append((at_ms + stay_ms + 4_000, "exit", direction))
        return at_ms + stay_ms + 8_000

    def _at_counter(self, at_ms: int, end_ms: int) -> int:
        random = self._random
        stay_ms = min(round(random.lognormvariate(2.3, 0.65) * _MIN), 100 * _MIN)
        leaves_ms = min(at_ms + stay_ms, end_ms + random.randint(0, 12 * _MIN))
        self._stay("one-stop", "waiting", at_ms, max(leaves_ms, at_ms + 20_000))
        if self._chance(0.12):
            # To the office upstairs, with a form.
            back_ms = self._upstairs(leaves_ms + 40_000)
            leaves_ms = back_ms + random.randint(2, 8) * _MIN
            self._stay("one-stop", "waiting", back_ms + 40_000, leaves_ms)
        return leaves_ms

    def _at_reception(self, at_ms: int, end_ms: int) -> int:
        random = self._random
        way = self._way("reception")
        way.crossings.append((at_ms, "door", "in"))
        leaves_ms = min(at_ms + random.randint(1, 25) * _MIN, end_ms + 5 * _MIN)
        leaves_ms = max(leaves_ms, at_ms + 30_000)
        way.stays.append(("seats", at_ms + 6_000, leaves_ms))
        way.crossings.append((leaves_ms + 5_000, "door", "out"))
        return leaves_ms + 6_000

    def _upstairs(self, at_ms: int) -> int:
        random = self._random
        self._cross("corridor", at_ms, "passage", "in")
        if self._chance(0.5):
            self._stay("corridor", "linger", at_ms + 3_000, at_ms + random.randint(20, 300) * 1000 + 3_000)
        away_ms = at_ms + random.randint(6, 20) * _MIN
        self._cross("corridor", away_ms, "passage", "out")
        return away_ms

    # --- staff

    def _staff(self, number: int) -> None:
        random = self._random
        line = "staff" if self._chance(0.85) else "main"
        for start_ms, end_ms in self._spells():
            self._cross("gate", start_ms, line, "in")
            self._cross("gate", end_ms, line, "out")
            there_ms, gone_ms = start_ms + random.randint(60, 180) * 1000, end_ms - 90_000
            if number <= 1:
                self._behind("one-stop", "waiting", there_ms, gone_ms)
            elif number == 2:  # noqa: PLR2004 - the third is at the reception
                self._cross("reception", there_ms, "door", "in")
                self._behind("reception", "seats", there_ms + 4_000, gone_ms - 5_000)
                self._cross("reception", gone_ms, "door", "out")
            else:
                self._cross("corridor", there_ms, "passage", "in")
                for _ in range(random.randint(0, 2)):
                    self._upstairs(random.randint(there_ms, max(there_ms, gone_ms - 25 * _MIN)))
                self._cross("corridor", gone_ms, "passage", "out")

    def _spells(self) -> list[tuple[int, int]]:
        """From when to when somebody of the staff is in the office; lunch at home for most."""
        periods = self._day.periods
        spells = [
            (
                start_ms + self._around(-9 * _MIN, 11 * _MIN, -45 * _MIN, 50 * _MIN),
                end_ms + self._around(7 * _MIN, 9 * _MIN, -50 * _MIN, 75 * _MIN),
            )
            for start_ms, end_ms in periods
        ]
        if len(spells) > 1 and self._chance(0.3):
            return [(spells[0][0], spells[-1][1])]
        return spells

    def _behind(self, place: str, public: str, start_ms: int, end_ms: int) -> None:
        """Be behind a desk, with breaks; now and then step before it."""
        random, at_ms = self._random, start_ms
        while at_ms < end_ms - 30_000:
            until_ms = min(at_ms + round(random.lognormvariate(3.4, 0.6) * _MIN), end_ms)
            until_ms = max(until_ms, at_ms + 5_000)
            way = self._stay(place, "staff", at_ms, until_ms)
            if self._chance(0.2):
                way.stays.append((public, until_ms + 3_000, until_ms + random.randint(8, 90) * 1000))
            at_ms = way.stays[-1][2] + round(random.lognormvariate(0.9, 0.9) * _MIN) + 5_000

    # --- outside of hours

    def _guard(self) -> None:
        random = self._random
        for hour in (4, 22):
            at_ms = hour * _HOUR + random.randint(0, 50) * _MIN
            self._stay("parking", "rows", at_ms, at_ms + random.randint(30, 240) * 1000)
            if self._chance(0.4):
                self._cross("gate", at_ms + 5 * _MIN, "main", "out")
                self._cross("gate", at_ms + 8 * _MIN, "main", "in")

    def _overtime(self) -> None:
        start_ms = 9 * _HOUR + self._random.randint(0, 4 * 60) * _MIN
        end_ms = start_ms + self._random.randint(30, 180) * _MIN
        self._cross("gate", start_ms, "staff", "in")
        self._cross("corridor", start_ms + 90_000, "passage", "in")
        self._stay("one-stop", "staff", start_ms + 3 * _MIN, end_ms - 3 * _MIN)
        self._cross("gate", end_ms, "staff", "out")
