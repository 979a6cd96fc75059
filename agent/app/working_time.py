"""Working time of the place, from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.config.holidays import public_holidays
from agent.config.types import DAYS
from agent.presence.hours import WorkingTime

if TYPE_CHECKING:
    from agent.config.models import Config


def working_time(config: Config) -> WorkingTime:
    """Working hours of the place, in its time zone, with its days off and swapped days."""
    calendar = config.calendar
    weekly: dict[int, list[tuple[int, int]]] = {day: [] for day in range(len(DAYS))}
    for hours in config.hours:
        for day in hours.days:
            weekly[DAYS.index(day)] += hours.periods
    off = frozenset(calendar.holidays)
    if calendar.country and config.hours:
        off |= public_holidays(calendar.country)
    return WorkingTime(
        ZoneInfo(config.device.timezone),
        weekly,
        off.__contains__,
        {day.date: DAYS.index(day.like) for day in calendar.workdays},
    )
