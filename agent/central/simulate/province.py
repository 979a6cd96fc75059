"""Made-up province: every office's agents and their messages, in one order of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from heapq import merge
from random import Random
from typing import TYPE_CHECKING, Final

from agent.central.simulate.agent import SimulatedAgent
from agent.central.simulate.people import DayPlan, OfficeDay
from agent.central.simulate.plan import PLACES, SATURDAY, working_hours
from agent.central.simulate.reports import Reports
from agent.central.simulate.trouble import DAY_MS, site_troubles
from agent.wire.payloads import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.central.simulate.agent import SimulatedMessage
    from agent.central.simulate.people import PersonWay
    from agent.presence.hours import WorkingTime

MOST_SITES: Final = 500
MOST_DAYS: Final = 800
_MONDAY_MORE, _SATURDAY_PART = 1.3, 0.4


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What is made up.

    Attributes:
        sites, days, seed: how many offices, for how long, from which random numbers.
        first: the first local date.
        end_ms: nothing is published from then on, ms since 1970; None: the end of the last day.
        drops: one place of each office loses events for good, and says so.
        keep: each agent remembers its events, to answer who asks again.
    """

    sites: int
    days: int
    seed: int
    first: date
    end_ms: int | None = None
    drops: bool = False
    keep: bool = False


class SimulatedProvince:
    """Offices of a made-up province; the same settings make the same bytes."""

    def __init__(self, settings: SimulationSettings) -> None:
        """Take what is made up; nothing is reckoned yet."""
        self._settings = settings
        self._offices = [_Office(settings, number) for number in range(settings.sites)]

    @property
    def agents(self) -> Iterator[SimulatedAgent]:
        """All devices, office by office."""
        for office in self._offices:
            yield from office.agents

    def messages(self) -> Iterator[SimulatedMessage]:
        """Yield what all of them publish, in time order; once."""
        streams = [stream for office in self._offices for stream in office.streams()]
        yield from merge(*streams, key=lambda message: message.when_ms)


class _Office:
    """One office: its five devices, and who comes on which day."""

    def __init__(self, settings: SimulationSettings, number: int) -> None:
        self._settings = settings
        self._name = f"office-{number + 1:03}"
        random = Random(f"{settings.seed}/{self._name}")  # noqa: S311 - made up on purpose
        self._saturday = random.random() < 0.5  # noqa: PLR2004 - every other office
        self._citizens, self._staff = random.randint(60, 130), random.randint(9, 16)
        self._hours = {
            plan.name: working_hours(plan.hours(saturday=self._saturday)) for plan in PLACES
        }  # fmt: skip
        self._midnight_ms = _midnight_ms(self._hours["one-stop"], settings.first)
        troubles = site_troubles(random, settings.first, self._midnight_ms, settings.days)
        dropping = random.choice(PLACES).name
        self.agents = []
        for plan in PLACES:
            own = Random(f"{settings.seed}/{self._name}/{plan.name}")  # noqa: S311 - the same
            sender = Sender(self._name, plan.name, f"{own.getrandbits(32):08x}")
            working = self._hours[plan.name]
            reports = Reports(sender, plan, plan.hours(saturday=self._saturday), working, own)
            self.agents.append(
                SimulatedAgent(
                    reports,
                    troubles[plan.name],
                    own,
                    keep=settings.keep,
                    drops=settings.drops and plan.name == dropping,
                )
            )
        self._planned: dict[int, dict[str, list[PersonWay]]] = {}

    def streams(self) -> Iterator[Iterator[SimulatedMessage]]:
        """The messages of each device."""
        end_ms = self._settings.end_ms or self._midnight_ms + self._settings.days * DAY_MS
        for plan, agent in zip(PLACES, self.agents, strict=True):
            yield agent.messages(self._days(plan.name), end_ms)

    def _days(self, place: str) -> Iterator[tuple[int, list[PersonWay]]]:
        for day in range(self._settings.days):
            yield self._midnight_ms + day * DAY_MS, self._ways(day).pop(place, [])

    def _ways(self, day: int) -> dict[str, list[PersonWay]]:
        """Everybody's ways on a day; each device takes its own out."""
        if day not in self._planned:
            # All devices come to a day before any comes to the one after the next.
            self._planned.pop(day - 2, None)
            today = self._settings.first + timedelta(days=day)
            random = Random(f"{self._settings.seed}/{self._name}/{today}")  # noqa: S311 - the same
            self._planned[day] = DayPlan(self._day(today, random), random).fill()
        return self._planned[day]

    def _day(self, today: date, random: Random) -> OfficeDay:
        hours = self._hours["one-stop"]
        midnight_ms = _midnight_ms(hours, today)
        periods = [
            (_ms(period.start.timestamp()) - midnight_ms, _ms(period.end.timestamp()) - midnight_ms)
            for period in hours.periods(today)
        ]
        factor = random.uniform(0.7, 1.2) * (_MONDAY_MORE if today.weekday() == 0 else 1)
        if today.weekday() == SATURDAY:
            return OfficeDay(periods, round(self._citizens * factor * _SATURDAY_PART), 4)
        return OfficeDay(periods, round(self._citizens * factor), self._staff)


def _midnight_ms(hours: WorkingTime, day: date) -> int:
    return _ms(hours.day(day)[0].timestamp())


def _ms(moment_s: float) -> int:
    return round(moment_s * 1000)
