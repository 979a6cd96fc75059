"""Troubles of a made-up office: blind cameras, power cuts, restarts, an office without its line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.central.simulate.plan import PLACES

if TYPE_CHECKING:
    from datetime import date
    from random import Random

    from agent.core.visibility import BlindCause

_MIN: Final = 60_000
_HOUR: Final = 60 * _MIN
DAY_MS: Final = 24 * _HOUR
# A lamp that goes off at night, and the sun.
_DARK_MS, _LIGHT_MS = round(18.7 * _HOUR), round(5.6 * _HOUR)


@dataclass(frozen=True, slots=True)
class BlindSpell:
    """A camera that can't see: from the first sign, reported later, to when it sees again; ms since 1970."""

    start_ms: int
    told_ms: int
    end_ms: int
    cause: BlindCause


@dataclass(frozen=True, slots=True)
class Absence:
    """An agent that does not run from a moment to another, ms since 1970; `killed`: without order."""

    start_ms: int
    end_ms: int
    killed: bool


@dataclass(frozen=True, slots=True)
class PlaceTroubles:
    """All that goes wrong at one place.

    Attributes:
        blind: in order, apart; none of them touches an absence.
        absences: in order, apart.
        cut_off: without a connection from a moment to another, ms since 1970; in order, apart.
    """

    blind: tuple[BlindSpell, ...] = ()
    absences: tuple[Absence, ...] = ()
    cut_off: tuple[tuple[int, int], ...] = ()


def site_troubles(random: Random, first: date, midnight_ms: int, days: int) -> dict[str, PlaceTroubles]:
    """What goes wrong at an office, by the name of the place.

    Each office has a covered camera, a power cut and an outage of its line at least.

    Args:
        random: random numbers of this office.
        first: the first date.
        midnight_ms: its local midnight, ms since 1970.
        days: how many there are.
    """
    working = [day for day in range(days) if (first + timedelta(days=day)).weekday() < 5] or [0]  # noqa: PLR2004 - Saturday
    found = {}
    cut_off = _outages(random, midnight_ms, working, days)
    cut_place = random.choice(PLACES).name
    covered_place = random.choice([plan.name for plan in PLACES if plan.lit])
    for plan in PLACES:
        absences: list[Absence] = []
        spells: list[BlindSpell] = []
        taken = set[int]()
        for times in range(1 + days // 20):
            day = random.choice(working)
            if day in taken or (plan.name != cut_place and _chance(random, 0.7)):
                continue
            taken.add(day)
            absences.append(_absence(random, midnight_ms + day * DAY_MS, killed=times % 3 != 1))
        for times in range(1 + days // 12):
            day = random.choice(working)
            first_of_all = plan.name == covered_place and not times
            if day in taken and first_of_all and len(working) > 1:
                day = random.choice([other for other in working if other not in taken] or working)
            if day in taken or (_chance(random, 0.5) and not first_of_all):
                continue
            taken.add(day)
            spells.append(_covered(random, midnight_ms + day * DAY_MS))
        if not plan.lit:
            spells += _nights(midnight_ms, days)
        absences.sort(key=lambda one: one.start_ms)
        spells.sort(key=lambda one: one.start_ms)
        found[plan.name] = PlaceTroubles(tuple(spells), tuple(absences), cut_off)
    return found


def _chance(random: Random, share: float) -> bool:
    return random.random() < share


def _outages(random: Random, midnight_ms: int, working: list[int], days: int) -> tuple[tuple[int, int], ...]:
    """An hour or a night of the whole office without its line, on one of ten weekdays."""
    spells = []
    for first in range(0, len(working), 10):
        day = random.choice(working[first : first + 8])
        start_ms = midnight_ms + day * DAY_MS + random.randint(8 * 60, 15 * 60) * _MIN
        length_min = random.randint(600, 1200) if _chance(random, 0.4) else random.randint(60, 180)
        # It is over before the last day is.
        spells.append((start_ms, min(start_ms + length_min * _MIN, midnight_ms + days * DAY_MS - _HOUR)))
    return tuple(spells)


def _absence(random: Random, midnight_ms: int, *, killed: bool) -> Absence:
    start_ms = midnight_ms + random.randint(8 * 60, 15 * 60) * _MIN + random.randint(0, 59_999)
    length_ms = random.randint(8, 100) * _MIN if killed else random.randint(12, 40) * 1000
    return Absence(start_ms, start_ms + length_ms, killed)


def _covered(random: Random, midnight_ms: int) -> BlindSpell:
    start_ms = midnight_ms + random.randint(7 * 60, 14 * 60) * _MIN + random.randint(0, 59_999)
    cause: BlindCause = random.choice(("covered", "blurred", "moved", "lost"))
    end_ms = start_ms + random.randint(25, 160) * _MIN
    return BlindSpell(start_ms, start_ms + random.randint(5_000, 40_000), end_ms, cause)


def _nights(midnight_ms: int, days: int) -> list[BlindSpell]:
    """Dark from evening to morning; the last one is not over."""
    spells = []
    for day in range(days):
        start_ms = midnight_ms + day * DAY_MS + _DARK_MS
        spells.append(
            BlindSpell(start_ms, start_ms + 20_000, midnight_ms + (day + 1) * DAY_MS + _LIGHT_MS, "dark")
        )
    return spells
