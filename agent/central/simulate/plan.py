"""Plans of the five places of a made-up office: rules, geometry, hours, labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from functools import cache
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from agent.config.holidays import public_holidays
from agent.config.types import DAYS
from agent.core.geometry import Line, Zone
from agent.presence.hours import WorkingTime
from agent.presence.settings import CounterSettings, LineSettings, RuleSettings, ZoneSettings
from agent.wire.calendar import CalendarWire, HoursWire, WeekDay
from agent.wire.counter import CounterGeometryWire
from agent.wire.line import LineGeometryWire
from agent.wire.zone import ZoneGeometryWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from agent.wire.rule_form import GeometryWire

TIMEZONE: Final = "Asia/Ho_Chi_Minh"
ZONE: Final = ZoneInfo(TIMEZONE)
COUNTRY: Final = "VN"
SATURDAY: Final = 5
_WEEKDAYS: Final[tuple[WeekDay, ...]] = ("mon", "tue", "wed", "thu", "fri")
# As long after its end as a quarter of a device with the default settings comes.
LATE_S: Final = 420.0
# So long after the first frame, and after blindness, nobody knows who is in a zone.
_SETTLE_S = 5.0
_OFFICE = (("07:30", "11:30"), ("13:30", "17:00"))
_YARD = (("06:30", "18:30"),)
_STRIP = ((0.05, 0.6), (0.95, 0.6), (0.95, 0.95), (0.05, 0.95))
_LEFT = ((0.05, 0.3), (0.4, 0.3), (0.4, 0.95), (0.05, 0.95))
_RIGHT = ((0.55, 0.3), (0.95, 0.3), (0.95, 0.95), (0.55, 0.95))


@dataclass(frozen=True, slots=True)
class PlacePlan:
    """A camera's place.

    Attributes:
        name: of the device.
        label: for people.
        lines: each with who uses it.
        zones: in fractions of the picture.
        counter: None: there is none.
        periods: working hours of a weekday.
        lit: at night too; otherwise the camera is blind then.
    """

    name: str
    label: str
    lines: tuple[tuple[Line, Literal["everybody", "staff"]], ...] = ()
    zones: tuple[Zone, ...] = ()
    counter: CounterSettings | None = None
    periods: tuple[tuple[str, str], ...] = _OFFICE
    lit: bool = True

    def hours(self, *, saturday: bool) -> tuple[HoursWire, ...]:
        """Working hours as `info` has them.

        Args:
            saturday: the one-stop counter is open on Saturday mornings, and the yard with it.
        """
        hours = [HoursWire(days=_WEEKDAYS, periods=self.periods)]
        if saturday and self.name in {"one-stop", "gate", "parking"}:
            hours.append(HoursWire(days=("sat",), periods=self.periods[:1]))
        return tuple(hours)

    def rules(self, hours: WorkingTime) -> RuleSettings:
        """Settings for the ledger, in the order in which an agent's rules report."""
        counters = (self.counter,) if self.counter else ()
        return RuleSettings(
            (
                *(LineSettings(line.line_id) for line, _ in self.lines),
                *(ZoneSettings(zone.zone_id, zone.min_dwell_s, _SETTLE_S) for zone in self.zones),
                *counters,
            ),
            hours,
            LATE_S,
        )

    def geometries(self) -> Iterator[GeometryWire]:
        """Rules as `info` has them."""
        for line, used_by in self.lines:
            yield LineGeometryWire(
                rule=line.line_id, start=line.start, end=line.end, inside=line.inside, used_by=used_by
            )
        for zone in self.zones:
            yield ZoneGeometryWire(
                rule=zone.zone_id,
                polygon=zone.polygon,
                min_dwell_s=zone.min_dwell_s,
                overstay_s=zone.overstay_s,
                crowd=zone.crowd,
                crowd_after_s=None if zone.crowd is None else zone.crowd_after_s,
            )
        if counter := self.counter:
            yield CounterGeometryWire(
                rule=counter.rule_id,
                staff=counter.staff,
                public=counter.public,
                unattended_after_s=counter.unattended_after_s,
            )


def _across(line_id: str) -> Line:
    return Line(line_id, (0.05, 0.5), (0.95, 0.5), (0.5, 0.9))


PLACES: Final = (
    PlacePlan(
        "gate",
        "Cổng chính",
        lines=(
            (Line("staff", (0.05, 0.5), (0.3, 0.5), (0.2, 0.9)), "staff"),
            (Line("main", (0.4, 0.5), (0.95, 0.5), (0.6, 0.9)), "everybody"),
        ),
    ),
    PlacePlan(
        "parking",
        "Bãi để xe",
        lines=((_across("exit"), "everybody"),),
        zones=(Zone("rows", _STRIP, 5.0),),
        periods=_YARD,
    ),
    PlacePlan(
        "one-stop",
        "Bộ phận một cửa",
        zones=(
            Zone("staff", _RIGHT, 1.0),
            Zone("waiting", _LEFT, 3.0, overstay_s=3600.0, crowd=9, crowd_after_s=60.0),
        ),
        counter=CounterSettings("desk", "staff", "waiting", 60.0),
    ),
    PlacePlan(
        "reception",
        "Quầy lễ tân",
        lines=((_across("door"), "everybody"),),
        zones=(Zone("staff", _RIGHT, 1.0), Zone("seats", _LEFT, 10.0)),
        counter=CounterSettings("desk", "staff", "seats", 120.0),
    ),
    PlacePlan(
        "corridor",
        "Hành lang tầng 2",
        lines=((_across("passage"), "everybody"),),
        zones=(Zone("linger", _STRIP, 30.0),),
        lit=False,
    ),
)
"""The places of every office."""
CALENDAR: Final = CalendarWire(country=COUNTRY, holidays=(), workdays=())


def is_day_off() -> Callable[[date], bool]:
    """Tells a public holiday of Vietnam.

    Raises:
        AgentError: they can't be computed on this machine.
    """
    return _holidays().__contains__


@cache
def _holidays() -> frozenset[date]:
    return public_holidays(COUNTRY)


def working_hours(hours: tuple[HoursWire, ...]) -> WorkingTime:
    """Working time of a place, without public holidays.

    Args:
        hours: as `info` has them.
    """
    weekly: Mapping[int, list[tuple[int, int]]] = {day: [] for day in range(len(DAYS))}
    for some in hours:
        for day in some.days:
            weekly[DAYS.index(day)] += [(_minutes(start), _minutes(end)) for start, end in some.periods]
    return WorkingTime(ZONE, weekly, is_day_off())


def _minutes(text: str) -> int:
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute
