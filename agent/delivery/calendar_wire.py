"""The wire form of working hours and days off, as `info` tells them and `cmd/calendar` sets them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.delivery.event_wire import Closed, LocalDate, LocalTime, Wire

WeekDay = Annotated[
    Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    Field(title="WeekDay", description="Local day of the week"),
]


class HoursWire(Closed):
    """Local working time on some days of the week, as in the configuration."""

    days: tuple[WeekDay, ...]
    periods: tuple[tuple[LocalTime, LocalTime], ...]


class WorkdayWire(Closed):
    """A date that is worked, or not, like another day of the week."""

    date: LocalDate
    like: WeekDay


class CalendarWire(Closed):
    """Days that differ from their day of the week, as in the configuration."""

    country: (
        Annotated[
            str, Field(pattern=r"^[A-Z]{2}$", max_length=2, description="its public holidays are days off")
        ]
        | None
    )
    holidays: tuple[LocalDate, ...]
    workdays: tuple[WorkdayWire, ...]


class CalendarCommandWire(Wire):
    """Sets working hours and days off in the place of the configuration's; an empty message ends that."""

    hours: tuple[HoursWire, ...]
    calendar: CalendarWire
